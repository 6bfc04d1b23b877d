"""Matrices as companies keep them: small imitations of every layout, each with the result a person expects."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.domain.importing import CellError, SheetReading, Span, make_grid, recognize
from app.services.vocabularies import load_vocabulary

LAYOUTS = sorted(Path(__file__).with_name("layouts").glob("*.json"))


def value_of(cell: Any) -> Any:
    """A cell of a fixture: ``date:2024-05-01`` is a real date, ``error:#N/A`` an error."""
    if isinstance(cell, str) and cell.startswith("date:"):
        return date.fromisoformat(cell.removeprefix("date:"))
    if isinstance(cell, str) and cell.startswith("error:"):
        return CellError(cell.removeprefix("error:"))
    return cell


def found_in(sheet: SheetReading) -> dict[str, Any]:
    """What was recognized, in the shape of the fixtures."""
    found = sheet.to_dict()
    return {
        "verdict": found["verdict"],
        "orientation": found["orientation"],
        "header_rows": found["header_rows"],
        "first_data_row": found["first_data_row"],
        "subjects": [[one["key"], one["name"], one["row_or_column"]] for one in found["subjects"]],
        "items": [
            [one["code"], one["title"], one["row_or_column"], one["hours"], one["valid_months"]]
            for one in found["items"]
        ],
        "cells": {name: number for name, number in found["cells"].items() if number},
        "legend": found["legend"],
    }


@pytest.mark.req("IMP-1")
@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_a_layout_is_understood_as_a_person_would(path: Path) -> None:
    fixture = json.loads(path.read_text("utf-8"))
    merges = tuple(Span(*edges) for edges in fixture.get("merges", ()))
    grids = [
        make_grid(name, [[value_of(cell) for cell in row] for row in rows], merges=merges)
        for name, rows in fixture["sheets"].items()
    ]
    reading = recognize(grids, load_vocabulary())
    assert {sheet.name: found_in(sheet) for sheet in reading.sheets} == fixture["expected"]
    for sheet in reading.sheets:
        assert 0 < sheet.confidence <= 1, "every conclusion comes with a confidence"
        assert sheet.reasons, "every conclusion comes with a reason"
