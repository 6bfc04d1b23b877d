"""A served installation with the cast in it, and a chromium to look at it.

``site`` is the address of a running server (with cross-site protection on, as in life). ``visitor`` opens windows:
``visitor("tom", phone=True)`` is Tom's phone, signed in. A console error, a refused script or style, or an error of
the server on any page makes the test fail. ``accessible(page)`` runs axe-core.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from werkzeug.serving import make_server

from tests.cast import PASSWORD
from tests.conftest import prepare, settings_for

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium_path() -> str | None:
    """Return where chromium is: as told, on the path, or None to let playwright use its own."""
    told = os.environ.get("QUALGATE_TEST_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return told or next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One chromium for all tests. Without any, CI fails and other machines skip."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        except Exception as problem:
            if os.environ.get("CI"):
                raise
            pytest.skip(
                f"NO CHROMIUM: browser tests are skipped; install one, or set QUALGATE_TEST_CHROMIUM ({problem})"
            )
        yield browser
        browser.close()


@dataclass
class Site:
    """A served installation: its address and its application."""

    url: str
    app: Flask


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation of its own for each module of tests, with the cast in it, served on a free port."""
    from app import create_app

    folder = tmp_path_factory.mktemp("site")
    settings = settings_for(folder, f"sqlite:///{folder / 'site.db'}")
    app = create_app(settings | {"WTF_CSRF_ENABLED": True, "TESTING": False})
    prepare(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.server_port}", app)
    server.shutdown()
    thread.join(timeout=10)


@dataclass
class Watch:
    """What went wrong in a window while nobody looked."""

    complaints: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Note console errors, exceptions of scripts and answers that a server should not give."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("response", self._answer)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _answer(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status}: {response.url}")


Visit = Callable[..., Page]


@pytest.fixture
def visitor(chromium: Browser, site: Site) -> Iterator[Visit]:
    """A function that opens a window: ``visitor(username, phone=False, dark=False)``; None is a stranger."""
    watch = Watch()
    contexts: list[BrowserContext] = []

    def opened(username: str | None = None, *, phone: bool = False, dark: bool = False, **more: Any) -> Page:
        context = chromium.new_context(
            base_url=site.url,
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            locale="en-US",
            **more,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        watch.over(page)
        if username:
            sign_in(page, username)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not watch.complaints, watch.complaints


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Sign in by the page, as a person does."""
    page.goto("/login/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)


def _axe(page: Page) -> Any:
    """Load axe-core and run it in one breath: between two calls a page may give way to the next one."""
    options = json.dumps({"runOnly": STANDARDS, "resultTypes": ["violations"]})
    expression = f"{AXE.read_text(encoding='utf-8')}\n;axe.run(document, {options})"
    for _attempt in range(3):
        page.wait_for_load_state()
        session = page.context.new_cdp_session(page)
        try:
            answer = session.send(
                "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
            )
            if "exceptionDetails" not in answer:
                return answer["result"]["value"]
            failure = str(answer["exceptionDetails"])
        except PlaywrightError as gone:  # the page was left while axe-core ran
            failure = str(gone)
        finally:
            session.detach()
    raise AssertionError(f"axe-core did not finish on {page.url} in three attempts: {failure}")


def violations(page: Page, *, impacts: tuple[str, ...] = ("serious", "critical")) -> list[str]:
    """Return what axe-core finds on the page as it is now, worst kinds only unless told otherwise."""
    result = _axe(page)
    return [
        f"{page.url} {found['id']} ({found['impact']}): {node['html'][:160]}"
        for found in result["violations"]
        if found["impact"] in impacts
        for node in found["nodes"][:3]
    ]


def accessible(page: Page) -> None:
    """Fail when axe-core finds a serious violation, or when the page is wider than the window."""
    found = violations(page)
    assert not found, "\n".join(found)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} scrolls sideways"
