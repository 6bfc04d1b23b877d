"""The story of the product, from a new document to the proof that everyone was trained, as its people live it.

Dora writes a procedure, Quinn approves it, Cora puts it into the matrix; Dora revises it, and the operators have it to
read at once. Tom signs, Sue sees who has not, and the map shows any day and says why. Every page on the way
is checked with axe-core. Once by mouse, once on a phone, once by keyboard alone.
"""

import re
from pathlib import Path

import pytest
from openpyxl import Workbook
from playwright.sync_api import Page, expect

from app.extensions import db
from app.services.trail import verify
from tests.browser.conftest import Site, Visit, accessible
from tests.browser.hands import Keys, Mouse
from tests.cast import PASSWORD

pytestmark = pytest.mark.browser

TITLE = "Gowning for grade B areas"
FIRST = "# Gowning\n\n## Procedure\n\n1. Wash hands.\n2. Change gloves every 60 minutes.\n"
SECOND = FIRST.replace("every 60 minutes", "every 30 minutes and after every contact with the floor")
CHANGED = "Gloves are changed every 30 minutes instead of 60."


class Somebody:
    """One of the cast at work: a window, a way to use it, and the moves that the story repeats."""

    def __init__(self, page: Page, username: str, keyboard: bool, phone: bool) -> None:
        self.page = page
        self.username = username
        self.hand = Keys(page) if keyboard else Mouse(page)
        self.phone = phone

    def go(self, menu: str, group: str | None = None) -> None:
        """Open a page from the menu, as one does on this kind of screen."""
        if self.phone:
            self.hand.press(self.page.get_by_role("button", name="Menu", exact=True))
        navigation = self.page.get_by_role("navigation", name="Main menu")
        link = navigation.get_by_role("link", name=menu, exact=True)
        expect(navigation).to_be_visible()
        if (
            group
            and navigation.locator("details:not([open]) > summary")
            .filter(has_text=re.compile(rf"^\s*{group}\s*$"))
            .count()
        ):
            self.hand.press(navigation.locator("summary").filter(has_text=re.compile(rf"^\s*{group}\s*$")))
        self.hand.press(link)
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        accessible(self.page)

    def link(self, name: str | re.Pattern[str]) -> None:
        """Follow a link in the content."""
        self.hand.press(self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first)

    def save(self) -> None:
        """Send the form of the page."""
        self.hand.press(self.page.get_by_role("button", name="Save"))

    def said(self, text: str) -> None:
        """Expect a message at the head of the page."""
        expect(self.page.locator("[data-flash]").filter(has_text=text)).to_be_visible()
        accessible(self.page)

    def sign(self, link: str, reason: str | None = None) -> None:
        """Open the signature dialog by its link, check what it shows, and sign with both components where asked."""
        self.link(link)
        dialog = self.page.get_by_role("dialog")
        expect(dialog.get_by_text("Your signature will be printed as")).to_be_visible()
        accessible(self.page)
        if reason:
            self.hand.write(dialog.get_by_label("Reason"), reason)
        name = dialog.get_by_label("User name")
        if name.count():
            self.hand.write(name, self.username)
        self.hand.write(dialog.get_by_label("Password"), PASSWORD)
        self.hand.press(dialog.get_by_role("button", name="Sign", exact=True))
        expect(dialog).to_have_count(0)

    def open_document(self, code: str) -> None:
        """Find a document in the list."""
        self.go("Documents", "Documents")
        self.hand.write(self.page.get_by_role("searchbox", name="Search in this list"), code)
        self.page.keyboard.press("Enter")
        expect(self.page).to_have_url(re.compile("q="))
        self.link(code)
        expect(self.page.get_by_role("heading", level=1, name=TITLE)).to_be_visible()
        accessible(self.page)


@pytest.mark.timeout(600)  # some sixty pages with axe-core on each; a loaded machine needs minutes, not a hang
@pytest.mark.parametrize("way", ["desktop", "phone", "keyboard"])
@pytest.mark.req("DOC-1", "DOC-2", "DOC-5", "MTX-4", "MTX-10", "LRN-1", "SIG-1", "UX-1", "UX-2")
def test_a_revised_procedure_reaches_everyone_concerned_and_the_proof_is_one_look_away(
    visitor: Visit, site: Site, way: str, tmp_path: Path
) -> None:
    code = {"desktop": "SOP-901", "phone": "SOP-902", "keyboard": "SOP-903"}[way]

    def somebody(username: str) -> Somebody:
        page = visitor(username, phone=way == "phone")
        return Somebody(page, username, way == "keyboard", way == "phone")

    dora, quinn, cora, tom, sue = (somebody(name) for name in ("dora", "quinn", "cora", "tom", "sue"))

    bring_people(cora, way, tmp_path)
    write_and_approve(dora, quinn, code)
    if way == "phone":
        put_into_the_matrix(cora, code)
    else:
        bring_the_matrix(cora, code, tmp_path)
    revise_and_approve(dora, quinn, code)
    read_and_sign(tom, code)
    see_who_is_late(sue, code)
    look_at_the_map(quinn, code)
    prove_it(quinn, code)
    with site.app.app_context(), db.engine.connect() as connection:
        assert not verify(connection, {}, {}).findings


def bring_people(cora: Somebody, way: str, folder: Path) -> None:
    """Import a list of people: see the dry run, sign, and see them in the list."""
    numbers = [f"{way[0].upper()}{number}" for number in (1, 2)]
    lines = ["employee_no,name,email,site,supervisor_no,languages,hired_on,left_on"]
    lines += [f"{number},Newcomer {number},,MAIN,E006,en,2026-01-12," for number in numbers]
    file = folder / "people.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    cora.go("Import", "Administration")
    upload(cora, "People", file)
    expect(cora.page.get_by_role("main")).to_contain_text(numbers[0])
    accessible(cora.page)
    cora.sign("Sign and import", reason="New colleagues of the week")
    cora.go("People", "People")
    expect(cora.page.get_by_role("main")).to_contain_text(f"Newcomer {numbers[1]}")


def upload(cora: Somebody, kind: str, file: Path) -> None:
    cora.hand.settle()
    cora.page.get_by_role("radio", name=re.compile(f"^{kind}")).focus()
    cora.page.keyboard.press("Space")
    cora.page.locator("input[type=file]").set_input_files(file)
    accessible(cora.page)
    cora.hand.press(cora.page.get_by_role("button", name="Read the file"))
    expect(cora.page.get_by_role("list", name="Steps of the import")).to_be_visible()


def bring_the_matrix(cora: Somebody, code: str, folder: Path) -> None:
    """Import the matrix as Excel has it: job functions in rows, documents in columns, an X where it is needed."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Training matrix"
    for row in (["Job function", code], ["Operator", "X"], ["Shift lead", "X"], ["QA specialist", None]):
        sheet.append(row)
    file = folder / "matrix.xlsx"
    book.save(file)
    cora.go("Import", "Administration")
    upload(cora, "Training matrix", file)
    expect(cora.page.get_by_role("heading", name="The sheet")).to_be_visible()
    accessible(cora.page)
    cora.hand.press(cora.page.get_by_role("button", name="That is right"))
    accessible(cora.page)
    cora.hand.press(cora.page.get_by_role("button", name="Dry run"))
    expect(cora.page.get_by_text("nothing has been written")).to_be_visible()
    accessible(cora.page)
    cora.sign("Sign and import", reason="The matrix that we have used so far")
    expect(cora.page.get_by_text("Imported.", exact=False).first).to_be_visible()


def write_and_approve(dora: Somebody, quinn: Somebody, code: str) -> None:
    dora.go("Documents", "Documents")
    dora.link("Add: Document")
    dora.hand.find(dora.page.get_by_role("combobox", name="Document type"), "Standard")
    dora.hand.write(dora.page.get_by_label(re.compile("^Title")), TITLE)
    dora.hand.write(dora.page.get_by_label(re.compile("^Code")), code)
    accessible(dora.page)
    dora.save()
    dora.said("Saved")
    dora.link("Edit")
    dora.hand.write(dora.page.get_by_label("What changed"), "First version")
    dora.hand.write(dora.page.get_by_label("Or write the text here"), FIRST)
    accessible(dora.page)
    dora.save()
    dora.said("Saved")
    dora.sign("Submit for review")
    dora.said("Signed")
    approve(quinn, code)


def approve(quinn: Somebody, code: str) -> None:
    quinn.open_document(code)
    if quinn.page.get_by_role("link", name=re.compile("^Version 2")).count():
        quinn.link(re.compile("^Version 2"))
    quinn.sign("Sign the review")
    quinn.said("Signed")
    quinn.sign("Approve")
    quinn.said("Signed")


def put_into_the_matrix(cora: Somebody, code: str) -> None:
    cora.go("Matrix rows", "Training matrix")
    cora.link("Add: Matrix row")
    cora.hand.find(cora.page.get_by_role("combobox", name="Item"), code)
    cora.hand.find(cora.page.get_by_role("combobox", name="Everyone in"), "Operator")
    cora.hand.date(cora.page.get_by_label(re.compile("^From")), "2026-01-01")
    accessible(cora.page)
    cora.save()
    cora.said("Saved")


def revise_and_approve(dora: Somebody, quinn: Somebody, code: str) -> None:
    dora.open_document(code)
    dora.link("New version")
    dora.save()
    dora.hand.write(dora.page.get_by_label("What changed"), CHANGED)
    dora.hand.write(dora.page.get_by_label("Or write the text here"), SECOND)
    dora.save()
    dora.said("Saved")
    dora.link("What if approved?")
    expect(dora.page.get_by_text("Nothing has been written")).to_be_visible()
    accessible(dora.page)
    dora.open_document(code)
    dora.link(re.compile("^Version 2"))
    dora.sign("Submit for review")
    dora.said("Signed")
    approve(quinn, code)


def read_and_sign(tom: Somebody, code: str) -> None:
    tom.page.goto("/")
    accessible(tom.page)
    expect(tom.page.get_by_role("main")).to_contain_text(code)
    tom.page.goto("/")
    tom.hand.press(tom.page.get_by_role("main").locator("a[href^='/read/']").filter(visible=True).first)
    expect(tom.page.get_by_text(CHANGED)).to_be_visible()
    expect(tom.page.get_by_role("article")).to_contain_text("every 30 minutes")
    accessible(tom.page)
    tom.sign("I have read and understood")
    expect(tom.page.get_by_role("complementary").get_by_text("Tom Trainee")).to_be_visible()
    accessible(tom.page)


def see_who_is_late(sue: Somebody, code: str) -> None:
    sue.go("My team", "Training")
    expect(sue.page.get_by_role("main")).to_contain_text("Tess Trainee")


def look_at_the_map(quinn: Somebody, code: str) -> None:
    quinn.go("Heat map", "Training")
    page = quinn.page
    page.locator("[data-heat][data-loaded=yes]").wait_for()
    page.get_by_role("application").focus()
    column = page.evaluate(
        "async code => (await (await fetch(document.querySelector('[data-heat]').dataset.heat)).json())"
        ".items.findIndex(one => one[1] === code)",
        code,
    )
    row = page.evaluate(
        "async () => (await (await fetch(document.querySelector('[data-heat]').dataset.heat)).json())"
        ".people.findIndex(one => one[1] === 'Tom Trainee')"
    )
    page.keyboard.press("Home")
    for _ in range(column):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    for _ in range(row):
        page.keyboard.press("ArrowDown")
    expect(page.locator("[data-heat-status]")).to_contain_text(f"Tom Trainee (E008) · {code}")
    expect(page.locator("[data-heat-status]")).to_contain_text("Qualified")
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    expect(panel.get_by_text("How this comes about")).to_be_visible()
    expect(panel).to_contain_text("version 2")
    accessible(page)
    page.keyboard.press("Escape")
    page.goto("/matrix/map/?as_of=2026-03-01T12:00")
    expect(page.get_by_text("You look at the past.")).to_be_visible()
    accessible(page)


def prove_it(quinn: Somebody, code: str) -> None:
    """Show from the document, in one step, who of those concerned was retrained, and take it away as paper."""
    quinn.open_document(code)
    quinn.link("Show that everyone was retrained")
    main = quinn.page.get_by_role("main")
    expect(main).to_contain_text("Tom Trainee")
    expect(main).to_contain_text("Tess Trainee")
    accessible(quinn.page)
    with quinn.page.expect_download() as paper:
        quinn.link("PDF")
    assert paper.value.path().read_bytes().startswith(b"%PDF")
