"""Every address that a page names exists, and numbers that are none break no page."""

import re
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import House

APP = Path(__file__).resolve().parents[2] / "app"
NAMED = re.compile(r"""(?:safe_url|url_for)\(\s*["']([A-Za-z_]+\.[a-z_]+)["']""")
TUPLES = re.compile(r"""["']([A-Z][A-Za-z]+View\.[a-z_]+)["']""")


def endpoints_named() -> set[tuple[str, str]]:
    """Every (file, endpoint) that a page or a template names."""
    found = set()
    for path in [*APP.joinpath("views").rglob("*.py"), *APP.joinpath("templates").rglob("*.html")]:
        text = path.read_text()
        found |= {(path.name, name) for name in (*NAMED.findall(text), *TUPLES.findall(text))}
    return found


def test_every_address_that_a_page_names_exists(prepared: tuple[Flask, Path]) -> None:
    known = set(prepared[0].view_functions)
    assert {(where, name) for where, name in endpoints_named() if name not in known} == set()


@pytest.mark.parametrize("number", ["²", "9" * 25, "-1", "1e3", "٣"])
def test_a_number_that_is_none_is_answered_and_never_breaks_a_page(house: House, number: str) -> None:
    quinn = house.client("quinn")
    for address in (
        f"/matrix/map/?function={number}",
        f"/matrix/map/table/?page={number}",
        f"/matrix/map/explain/?person={number}&item={number}",
        f"/reports/training-record/?person_id={number}",
        f"/reports/compliance/?page={number}",
        f"/reports/trail/people/{number}.csv",
        f"/people/list/?page={number}&size={number}&supervisor_id={number}",
        f"/lookup/people?q={number}&id={number}",
        f"/matrix/orders/add?person_id={number}&item_id={number}",
    ):
        answer = quinn.get(address)
        assert answer.status_code in {200, 404, 422}, f"{address}: {answer.status_code}"
