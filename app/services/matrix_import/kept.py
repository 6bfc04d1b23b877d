"""A file read and recognized once, then taken from the shelf by every page that needs it.

Small workbooks are recognized anew each time, which takes less than a page needs anyway; of large ones the reading is
kept, too, and worked out in a process of its own. Without a shelf everything happens here.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from io import BytesIO
from pathlib import Path, PurePath
from shutil import copyfile
from typing import Any

from app.domain.importing import Grid, Place, WorkbookReading, recognize
from app.services import children
from app.services.importing.working import Telling, no_telling
from app.services.matrix_import.mapping import clean_choices
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.taking import for_recognition
from app.services.readings import read_reading
from app.services.recognizer_child import TOO_MUCH
from app.services.shelf import the_shelf
from app.services.spreadsheets import MEMORY, SECONDS, read_grids, read_workbook, refuse
from app.services.vocabularies import FOLDER as WORDS
from app.services.vocabularies import load_vocabulary

LARGE = 200_000
"""Cells of a workbook that is recognized in a process of its own."""


class Source:
    """A file to be recognized: its name, its SHA-256, and a function that fetches its bytes when they are needed."""

    def __init__(self, name: str, sha256: str, fetch: Callable[[], bytes]) -> None:
        self.name, self.sha256, self.fetch = name, sha256, fetch

    @property
    def _cells(self) -> str:
        return f"{self.sha256}-{_part(version(), PurePath(self.name).suffix.lower())}.cells"

    def _reading(self, choices: Mapping[str, Any]) -> str:
        return f"{self.sha256}-{_part(version(), self.name, json.dumps(choices, sort_keys=True))}.reading"

    def recognized(self, mapping: Mapping[str, Any], telling: Telling = no_telling) -> Recognized:
        """The file recognized with these corrections. Raises BadInput when it, or they, make no sense."""
        grids = self.grids(telling)
        choices = clean_choices(mapping, grids)
        seen = for_recognition(choices)
        reading = self._kept_reading(grids, seen) or self._recognize(grids, seen, telling)
        return Recognized(self.name, self.sha256, grids, reading, choices)

    def at_hand(self, mapping: Mapping[str, Any]) -> Recognized | None:
        """The same if it can be told at once, else None."""
        grids = self._kept_grids()
        if grids is None:
            return None
        choices = clean_choices(mapping, grids)
        seen = for_recognition(choices)
        reading = self._kept_reading(grids, seen)
        if reading is None and not _large(grids):
            reading = recognize(grids, load_vocabulary(), seen)
        return Recognized(self.name, self.sha256, grids, reading, choices) if reading else None

    def task(self, mapping: Mapping[str, Any]) -> str:
        """The name of the work of recognizing the file with these corrections."""
        return f"recognize:{_part(self.sha256, self.name, json.dumps(mapping, sort_keys=True))}"

    def grids(self, telling: Telling = no_telling) -> list[Grid]:
        """The sheets of the file."""
        kept = self._kept_grids()
        if kept is not None:
            return kept
        telling("reading", 0, 0)

        def tick(done: int, total: int) -> bool:
            telling("reading", done, total)
            return True

        def keep(path: Path) -> None:
            if shelf := the_shelf():
                shelf.put(self._cells, lambda side: _copied(path, side))

        with tempfile.TemporaryDirectory(prefix="qualgate-import-") as folder:
            path = Path(folder) / "upload"
            path.write_bytes(self.fetch())
            return read_workbook(path, name=self.name, tick=tick, keep=keep)

    def _kept_grids(self) -> list[Grid] | None:
        shelf = the_shelf()
        kept = shelf.get(self._cells) if shelf else None
        if kept is None:
            return None
        grids = read_grids(BytesIO(kept.read(0, kept.size)), self.name)
        return grids if isinstance(grids, list) else None

    def _kept_reading(self, grids: list[Grid], choices: Mapping[str, Any]) -> WorkbookReading | None:
        shelf = the_shelf()
        kept = shelf.get(self._reading(choices)) if shelf else None
        if kept is None:
            return None
        reading = read_reading(kept)
        anew = cache(partial(recognize, grids, load_vocabulary(), choices))
        for position, sheet in enumerate(reading.sheets):
            sheet.places = partial(_places, anew, position)
        return reading

    def _recognize(self, grids: list[Grid], choices: Mapping[str, Any], telling: Telling) -> WorkbookReading:
        telling("recognizing", 0, 0)
        shelf = the_shelf()
        if shelf and _large(grids):
            shelf.put(self._reading(choices), lambda side: self._recognize_apart(side, choices, telling))
            kept = self._kept_reading(grids, choices)
            if kept is not None:
                return kept
        return recognize(grids, load_vocabulary(), choices)

    def _recognize_apart(self, target: Path, choices: Mapping[str, Any], telling: Telling) -> None:
        """Let a process of its own write the reading to ``target``. Raises BadInput when it takes too much.

        When it fails otherwise it writes nothing, and the workbook is recognized here.
        """

        def tick(done: int, total: int) -> bool:
            telling("recognizing", done, total)
            return True

        shelf = the_shelf()
        kept = shelf.get(self._cells) if shelf else None
        if kept is None:
            return
        with tempfile.TemporaryDirectory(prefix="qualgate-recognize-") as folder:
            cells, request = Path(folder) / "cells", Path(folder) / "request"
            cells.write_bytes(kept.read(0, kept.size))
            wanted = {"cells": str(cells), "name": self.name, "choices": choices, "memory": MEMORY, "seconds": SECONDS}
            request.write_text(json.dumps(wanted), "utf-8")
            command = [sys.executable, "-m", "app.services.recognizer_child", str(request), str(target)]
            child = children.start(command, {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(_ROOT)})
            outcome = children.follow(child, tick, SECONDS)
        if outcome or child.returncode in TOO_MUCH:
            raise refuse(outcome or "memory", self.name, seconds=SECONDS)
        if child.returncode:
            target.unlink(missing_ok=True)  # what it began to write is no reading


_ROOT = Path(__file__).resolve().parents[3]


def _places(recognized: Callable[[], WorkbookReading], position: int) -> Iterator[Place]:
    """The places of a sheet, which are not kept."""
    return recognized().sheets[position].places()


def _copied(source: Path, target: Path) -> None:
    copyfile(source, target)


def _large(grids: list[Grid]) -> bool:
    return sum(grid.height * grid.width for grid in grids) > LARGE


def _part(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


@lru_cache(maxsize=1)
def version() -> str:
    """What the reading of a file depends on besides the file: the code and the words it is recognized with."""
    services = _ROOT / "app" / "services"
    code = [*(_ROOT / "app" / "domain" / "importing").glob("*.py"), *services.glob("spreadsheets*.py")]
    digest = hashlib.sha256()
    for path in sorted([*code, services / "readings.py", services / "vocabularies.py", *WORDS.glob("*")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
