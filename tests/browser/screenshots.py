"""Takes the pictures of the documentation from a running demo: ``python -m tests.browser.screenshots [ADDRESS]``.

Start the demo first (``make demo``). The pictures go to ``docs/screenshots``; nothing in the demo is changed, except
that an import is begun and not signed.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from openpyxl import Workbook
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import DESKTOP, FLAGS, PHONE, ROOT, chromium_path

FOLDER = ROOT / "docs" / "screenshots"
PASSWORD = "Demo-of-Juniper-Vale"
ADDRESS = "http://127.0.0.1:8000"


def main() -> int:
    """Take every picture. Returns the exit code."""
    base = (sys.argv[1:] or [ADDRESS])[0]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for name, (who, how, steps) in PICTURES.items():
            page = open_window(browser, base, who, phone="phone" in how, dark="dark" in how)
            steps(page)
            page.wait_for_load_state("networkidle")
            keep(page, name)
            page.context.close()
            print(name)
        browser.close()
    return 0


def open_window(browser: Browser, base: str, who: str | None, *, phone: bool, dark: bool) -> Page:
    """Open a window, signed in as ``who``."""
    page = browser.new_context(
        base_url=base,
        viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        locale="en-US",
    ).new_page()
    page.goto("/login/")
    if who:
        page.get_by_label("User name").fill(who)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Password").press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
    return page


def keep(page: Page, name: str) -> None:
    """Write the window as a PNG of few colors, which keeps the repository small."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(colors=200, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def goto(path: str) -> Callable[[Page], None]:
    """Return the step that opens a page."""
    return lambda page: page.goto(path) and None


def training(page: Page) -> None:
    """Open the first thing that the trainee has to read."""
    page.goto("/")
    page.locator("main a[href^='/read/']").first.click()
    page.get_by_role("link", name="I have read and understood").wait_for()


def signing(page: Page) -> None:
    """Open the signature dialog of that training."""
    training(page)
    page.wait_for_timeout(1500)
    page.get_by_role("link", name="I have read and understood").click()
    page.get_by_role("dialog").get_by_label("Password").wait_for()


def heat_map(page: Page) -> None:
    """Open the map and wait for its cells."""
    page.goto("/matrix/map/")
    page.locator("[data-heat][data-loaded=yes]").wait_for()


def explained(page: Page) -> None:
    """Open the explanation of the first cell of the map that is out of date."""
    page.goto("/matrix/map/?show=problems")
    page.locator("[data-heat][data-loaded=yes]").wait_for()
    row, column = page.evaluate(
        "async () => { const d = await (await fetch(document.querySelector('[data-heat]').dataset.heat)).json();"
        " const r = d.rows.findIndex(x => /[oe]/.test(x)); return [r, d.rows[r].search(/[oe]/)]; }"
    )
    page.get_by_role("application").focus()
    page.keyboard.press("Home")
    for _ in range(column):
        page.keyboard.press("ArrowRight")
    for _ in range(row):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("How this comes about").wait_for()


def document(page: Page) -> None:
    """Open the procedure that waits for approval, at its newest version."""
    page.goto("/documents/list/?q=SOP-MFG-001")
    page.get_by_role("link", name="SOP-MFG-001", exact=True).click()
    page.locator(".timeline a").filter(has_text="Version 4").first.click()
    page.get_by_role("link", name="What if approved?").wait_for()


def what_if(page: Page) -> None:
    """Open the preview of its approval."""
    document(page)
    page.get_by_role("link", name="What if approved?").click()


def what_changed(page: Page) -> None:
    """Open the comparison with the version before."""
    document(page)
    page.get_by_role("link", name="What changed").first.click()


def proof(page: Page) -> None:
    """Open the report that everyone was retrained, from a document."""
    page.goto("/documents/list/?q=SOP-MFG-002")
    page.get_by_role("link", name="SOP-MFG-002", exact=True).click()
    page.get_by_role("link", name="Show that everyone was retrained").click()


def understood(page: Page) -> None:
    """Upload a matrix as companies have it and show what was understood."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Matrix 2026"
    sheet.append(["Training matrix, sterile filling", None, None, None, None, None])
    sheet.append([])
    sheet.append(["Role", "SOP-MFG-001", "SOP-MFG-002", "SOP-MFG-003", "SOP-QA-001", "SOP-QA-002"])
    roles = ("Production Operator", "Shift Lead", "Laboratory Analyst", "Microbiologist", "Material Handler")
    marks = ("XXX.X", "XXXXX", "..RXX", "X..XX", ".R.XX")
    for role, row in zip(roles, marks, strict=True):
        sheet.append([role, *(None if mark == "." else mark for mark in row)])
    sheet.append([])
    sheet.append(["X = required, R = read only"])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "training-matrix-2026.xlsx"
        book.save(file)
        page.goto("/import/")
        page.get_by_role("radio", name="Training matrix").check()
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_role("button", name="Read the file").click()
        page.get_by_role("heading", name="The sheet").wait_for()


PICTURES: dict[str, tuple[str | None, str, Callable[[Page], None]]] = {
    "login": (None, "", goto("/login/")),
    "my-page": ("trainee", "", goto("/")),
    "my-page-phone": ("trainee", "phone", goto("/")),
    "read-and-sign": ("trainee", "", training),
    "signature-phone": ("trainee", "phone", signing),
    "my-team": ("supervisor", "", goto("/team/")),
    "heat-map": ("qa", "", heat_map),
    "heat-map-dark": ("qa", "dark", heat_map),
    "heat-map-explained": ("qa", "", explained),
    "document": ("qa", "", document),
    "what-if": ("qa", "", what_if),
    "what-changed": ("qa", "", what_changed),
    "retrained": ("qa", "", proof),
    "import": ("coordinator", "", understood),
    "audit-trail": ("qa", "", goto("/trail/")),
    "permissions": ("admin", "", goto("/permissions/")),
    "my-page-spanish": ("trainee.es", "", goto("/")),
}
"""Name of the file → who looks, how (phone, dark), and the way to the page."""


if __name__ == "__main__":
    raise SystemExit(main())
