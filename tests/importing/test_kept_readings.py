"""A reading that was kept on disk says exactly what it said before, whatever the layout."""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.domain.importing import SheetReading, Span, make_grid, recognize
from app.services import children
from app.services.matrix_import import kept as keeping
from app.services.readings import facts_above, read_reading, text_counts, write_reading
from app.services.shelf import Shelf
from app.services.vocabularies import load_vocabulary
from tests.conftest import House
from tests.importing.books import workbook
from tests.importing.test_layouts import LAYOUTS, value_of


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_a_kept_reading_is_the_same(path: Path, tmp_path: Path) -> None:
    fixture = json.loads(path.read_text("utf-8"))
    merges = tuple(Span(*edges) for edges in fixture.get("merges", ()))
    grids = [
        make_grid(name, [[value_of(cell) for cell in row] for row in rows], merges=merges)
        for name, rows in fixture["sheets"].items()
    ]
    before = recognize(grids, load_vocabulary())
    shelf = Shelf(tmp_path, b"key", 10_000_000)
    shelf.put("reading", lambda target: write_reading(target, before, lambda done, total: None))
    kept = shelf.get("reading")
    assert kept is not None
    for one, other in zip(before.sheets, read_reading(kept).sheets, strict=True):
        for field in fields(SheetReading):
            if field.name not in ("facts", "places"):
                assert getattr(one, field.name) == getattr(other, field.name), field.name
        assert list(one.facts()) == list(other.facts())
        assert list(one.facts()) == list(other.facts()), "walking it twice gives the same"
        assert text_counts(one) == text_counts(other)
        assert list(facts_above(one, 5)) == list(facts_above(other, 5))


def test_what_a_recognizer_wrote_before_it_failed_is_not_taken_for_a_reading(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = children.start

    def failing(command: list[str], environment: dict[str, str]) -> Any:
        if "app.services.recognizer_child" in command:
            half = f"open({command[-1]!r}, 'wb').write(b'half of a reading'); raise SystemExit(1)"
            command = [sys.executable, "-c", half]
        return begin(command, environment)

    monkeypatch.setattr(children, "start", failing)
    monkeypatch.setattr(keeping, "LARGE", 3)
    data = workbook({"Matrix": [["Job title", "SOP-901", "SOP-902"], ["Operator", "X", "X"], ["Clerk", "", "X"]]})
    source = keeping.Source("matrix.xlsx", "3" * 64, lambda: data)
    assert [sheet.verdict for sheet in source.recognized({}).reading.sheets] == ["role_item"]
    assert source.at_hand({}) is None
