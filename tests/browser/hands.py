"""How somebody works a page: by mouse or finger, or by the keyboard alone. A test says both alike."""

from playwright.sync_api import Locator, Page, expect

FARTHEST = 250
"""So many presses of Tab reach everything on a page, or it cannot be reached."""


class Mouse:
    """Points and clicks (or taps)."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def settle(self) -> None:
        """Wait until the scripts of the page have started: they replace some fields by better ones."""
        self.page.locator("html[data-ready=yes]").wait_for()

    def press(self, what: Locator) -> None:
        """Use a link or a button."""
        self.settle()
        what.click()

    def write(self, where: Locator, text: str) -> None:
        """Replace what stands in a text field."""
        where.fill(text)

    def date(self, where: Locator, day: str) -> None:
        """Enter an ISO day into a date field."""
        where.fill(day)

    def find(self, where: Locator, text: str) -> None:
        """Choose a record in a field that looks it up as one types."""
        self.settle()
        where.click()
        where.press_sequentially(text)
        option = self.page.get_by_role("option").filter(has_text=text).filter(visible=True).first
        option.click()
        expect(where).to_have_attribute("aria-expanded", "false")


class Keys(Mouse):
    """Never touches the mouse: Tab to get there, Enter and letters to work."""

    def reach(self, what: Locator) -> None:
        """Tab until the element has the focus, and see that the focus can be seen."""
        self.settle()
        expect(what).to_be_visible()
        for _ in range(FARTHEST):
            if what.evaluate("it => it === document.activeElement"):
                ring = what.evaluate("it => getComputedStyle(it).outlineStyle + getComputedStyle(it).outlineWidth")
                assert not ring.startswith("none"), "the focus cannot be seen"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard cannot reach {what}")

    def press(self, what: Locator) -> None:
        """Reach a link or a button and press Enter."""
        self.reach(what)
        self.page.keyboard.press("Enter")

    def write(self, where: Locator, text: str) -> None:
        """Reach a text field, mark all of it and type."""
        self.reach(where)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def date(self, where: Locator, day: str) -> None:
        """Reach a date field and type month, day and year as the browser's language has them."""
        self.reach(where)
        year, month, number = day.split("-")
        self.page.keyboard.type(f"{month}{number}{year}")
        expect(where).to_have_value(day)

    def find(self, where: Locator, text: str) -> None:
        """Type into a look-up field and take the first suggestion."""
        self.settle()
        self.reach(where)
        self.page.keyboard.type(text)
        expect(self.page.get_by_role("option").filter(has_text=text).filter(visible=True).first).to_be_visible()
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        expect(where).to_have_attribute("aria-expanded", "false")
