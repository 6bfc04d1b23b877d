"""Small tools of the inherited suite: counting statements, reading a page, addresses that make no sense."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

from sqlalchemy import event

from app.services import sessions
from tests.conftest import House

NONSENSE = (
    "page=abc", "page=-1", "page=99999999999999999999", "size=0", "size=1000000", "size=x", "sort=nothing",
    "sort=__class__", "dir=sideways", "q=%25%27%22%5C_", "f.nothing=1", "_flt_0_id=1", "q=" + "x" * 3000,
)  # fmt: skip


@contextmanager
def counted(house: House) -> Iterator[list[str]]:
    """Collect the statements that the block sends to the database.

    A browser's sign of life, written once a minute, is held back: it belongs to the moment, not to the page.
    """
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    engine = house.session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        with mock.patch.object(sessions, "TOUCH_EVERY", timedelta(days=1)):
            yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def hidden(page: str, name: str) -> str:
    """Return the value of a hidden field on a page."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert tag, f"the page has no field {name}"
    found = re.search(r'value="([^"]*)"', tag.group(0))
    return found.group(1) if found else ""
