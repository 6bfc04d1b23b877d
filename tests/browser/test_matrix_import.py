"""A company brings its matrix: uploaded, corrected, names resolved in bulk, signed, exported, edited, read again."""

from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit, accessible
from tests.cast import PASSWORD
from tests.importing.books import workbook

pytestmark = pytest.mark.browser

MATRIX = [
    ["Training matrix", "Rev. 7"],
    [],
    ["Job title", "SOP-971 Weighing", "SOP-972 Labeling", "SOP-973 Storage"],
    ["Operators", "Q", "V", "Q"],
    ["Shift leads", "", "Q", "Q"],
]


def upload(page: Page, file: Path) -> None:
    """Bring a file as a matrix."""
    page.goto("/import/")
    page.get_by_role("radio", name="Training matrix, as it is").check()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("heading", name="Understood as")).to_be_visible()
    accessible(page)


def sign(page: Page) -> None:
    """Sign the dry run in the dialog."""
    page.get_by_role("link", name="Sign and import").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The matrix we kept in Excel until now")
    if dialog.get_by_label("User name").count():
        dialog.get_by_label("User name").fill("cora")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("Signed and imported.")).to_be_visible()


def numbers(page: Page, kind: str) -> list[str]:
    """New, changed, ended and unchanged of one kind in the dry run."""
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=kind, exact=True))
    return [text.strip() for text in row.get_by_role("cell").all_inner_texts()]


@pytest.mark.req("IMP-1", "IMP-2", "IMP-4")
def test_a_company_brings_its_matrix_and_goes_on_in_excel(visitor: Visit, tmp_path: Path) -> None:
    page = visitor("cora")
    file = tmp_path / "matrix.xlsx"
    file.write_bytes(workbook({"Matrix": MATRIX}))
    upload(page, file)
    page.get_by_label("Meaning of Q", exact=True).select_option("required")
    page.get_by_label("Meaning of V", exact=True).select_option("optional")
    page.get_by_role("button", name="That is right").click()
    expect(page.get_by_role("heading", name="Job functions")).to_be_visible()
    accessible(page)
    groups = page.get_by_role("region", name="Job functions").or_(page.locator("section[aria-labelledby=m-functions]"))
    groups.get_by_role("button", name="Take every best suggestion").click()
    expect(page.get_by_text("Nothing needs your decision")).to_be_visible()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    accessible(page)
    assert numbers(page, "Requirements") == ["4", "0", "0", "0"]
    sign(page)
    number = page.url.split("/matrix/")[1].split("/")[0]
    page.goto("/matrix/map/table/")
    expect(page.get_by_role("main")).to_contain_text("SOP-971")
    copy = openpyxl.load_workbook(BytesIO(page.request.get(f"/import/matrix/export/{number}").body()))
    copy["Matrix"]["B5"].value, copy["Matrix"]["D4"].value = "Q", None
    copy.save(file)
    upload(page, file)
    page.get_by_role("button", name="That is right").click()
    page.locator("section[aria-labelledby=m-functions]").get_by_role(
        "button", name="Take every best suggestion"
    ).click()
    expect(page.get_by_text("Nothing needs your decision")).to_be_visible()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    assert numbers(page, "Requirements") == ["1", "0", "1", "3"]


PEOPLE = [
    ["Employee no", "Employee name", "Job title", "SOP-981 Gowning", "SOP-982 Counting"],
    ["Z-81", "Vera Novak", "Operator", "X", "In progress"],
    ["Z-82", "Olaf Brandt", "Operator", "", "X"],
    ["Z-83", "Ines Moreau", "Operator", "X", "X"],
]
NEEDS = [["Job title", "SOP-981 Gowning", "SOP-982 Counting", "SOP-983 Cleaning"], ["Operator", "X", "X", ""]]
NEEDS += [["Shift lead", "X", "", "X"], ["Stock keeper", "", "X", "X"]]


@pytest.mark.req("IMP-1", "IMP-2")
@pytest.mark.parametrize("phone", [False, True])
def test_what_a_matrix_leaves_open_is_decided_on_the_page_and_its_effect_shown(
    visitor: Visit, tmp_path: Path, phone: bool
) -> None:
    page = visitor("cora", phone=phone)
    file = tmp_path / "people.xlsx"
    file.write_bytes(workbook({"Needs": NEEDS, "People": PEOPLE}))
    upload(page, file)
    number = page.url.split("/matrix/")[1].split("/")[0]
    page.goto(f"/import/matrix/{number}/check")
    expect(page.get_by_role("heading", name="Left out, unless you decide otherwise")).to_be_visible()
    expect(page.get_by_text("4 cells say “trained” without a day.").first).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="Decide Sheet “People”: 4 cells").click()
    page.get_by_label("Record them as trained on").fill("2999-01-01")
    page.get_by_role("button", name="Show again").click()
    expect(page.get_by_role("alert")).to_contain_text("Sheet “People”: nobody was trained on 2999-01-01")
    expect(page.get_by_label("Record them as trained on")).to_have_value("2999-01-01")
    page.get_by_label("Record them as trained on").fill("2026-01-31")
    page.get_by_label("Place training orders, due within days").fill("30")
    accessible(page)
    page.get_by_role("button", name="That is right").click()
    page.goto(f"/import/matrix/{number}/check")
    assert page.get_by_text("Left out, unless you decide otherwise").count() == 0
    effect = page.get_by_role("region", name="Effect on compliance")
    expect(effect.get_by_role("row").filter(has_text="Operator").first).to_be_visible()
    accessible(page)
