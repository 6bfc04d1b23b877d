"""The heat map under somebody's hands: as large as it gets, by keyboard, in the past, and as a plain table."""

import json
import random

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit, accessible

pytestmark = pytest.mark.browser

PEOPLE, ITEMS = 2000, 500


def large(route: Route) -> None:
    """Answer the cells of a company of 2,000 people and 500 items."""
    chance = random.Random(7)
    rows = ["".join(chance.choices("qdaoexl.", [50, 5, 5, 4, 2, 1, 1, 60], k=ITEMS)) for _ in range(PEOPLE)]
    rows[PEOPLE - 1] = rows[PEOPLE - 1][:-1] + "o"
    body = {
        "as_of": "2026-03-10T09:00:00+00:00",
        "people": [[number, f"Person {number}", f"E{number:04d}", ""] for number in range(PEOPLE)],
        "items": [[number, f"SOP-{number:03d}", f"Procedure {number}"] for number in range(ITEMS)],
        "rows": rows,
        "total_people": PEOPLE,
        "total_items": ITEMS,
    }
    route.fulfill(status=200, content_type="application/json", body=json.dumps(body))


def opened(page: Page) -> Page:
    page.route("**/cells.json*", large)
    page.goto("/matrix/map/")
    page.locator("[data-heat][data-loaded=yes]").wait_for()
    return page


def test_a_million_cells_are_drawn_on_one_canvas_and_reached_by_keyboard(visitor: Visit) -> None:
    page = opened(visitor("quinn"))
    status = page.locator("[data-heat-status]")
    expect(status).to_contain_text("2000 × 500")
    assert page.evaluate("document.querySelectorAll('*').length") < 1200
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowDown")
    expect(status).to_contain_text("Person 0 (E0000) · SOP-000 Procedure 0")
    page.keyboard.press("Control+End")
    expect(status).to_contain_text("Person 1999 (E1999) · SOP-499 Procedure 499 · Overdue")
    page.keyboard.press("Control+Home")
    expect(status).to_contain_text("Person 0 (E0000) · SOP-000")
    accessible(page)
    took = page.evaluate(
        "async () => { const heat = document.querySelector('[data-heat]'); const begin = performance.now();"
        " for (let i = 0; i < 60; i++) { heat.scrollTop = i * 600; heat.scrollLeft = i * 120;"
        " await new Promise(requestAnimationFrame); } return (performance.now() - begin) / 60; }"
    )
    print(f"heat map 2,000 × 500: {took:.1f} ms a frame while scrolling")


def test_pointing_at_a_cell_says_in_words_what_it_means(visitor: Visit) -> None:
    page = opened(visitor("quinn"))
    canvas = page.locator("canvas")
    canvas.hover(position={"x": 240, "y": 120})
    expect(page.locator("[data-heat-status]")).to_contain_text("Person 0")


def test_the_legend_counts_what_is_shown_with_a_sign_beside_each_color(visitor: Visit) -> None:
    page = opened(visitor("quinn", dark=True))
    assert int((page.locator("[data-count=overdue]").text_content() or "0").replace(",", "")) > 10_000
    for status in ("qualified", "due_soon", "assigned", "overdue", "expired", "exempt", "on_leave"):
        sign = page.locator(f".sw-{status}").evaluate("it => getComputedStyle(it, '::before').content")
        assert sign not in {"none", '""'}, f"{status} is told by its color alone"
    accessible(page)


def test_the_same_is_there_as_a_plain_table(visitor: Visit) -> None:
    page = visitor("quinn")
    page.goto("/matrix/map/")
    page.get_by_role("link", name="As a table").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("table")
    accessible(page)
    page.get_by_role("link", name="Interactive map").click()
    expect(page.get_by_role("application")).to_be_visible()


def test_a_filter_of_the_map_is_taken_over_at_once_and_kept_in_the_address(visitor: Visit) -> None:
    page = visitor("quinn")
    page.goto("/matrix/map/")
    page.locator("html[data-ready=yes]").wait_for()
    page.get_by_label("Job function").select_option(label="Operator")
    page.wait_for_url(lambda url: "function=" in url)
    expect(page.get_by_label("Job function").locator("option:checked")).to_have_text("Operator")
    expect(page.get_by_role("link", name="Today, all")).to_be_visible()
