"""Writes what was recognized of a workbook to a file, and reads it back without holding its cells in memory.

Places, filled or not, are left out: only writing back needs them, and they would double the file.

The file holds the cells as rows of numbers, then everything else as one JSON line, then where that line begins. Only
the classes named here come back, so a file can say nothing but a reading.
"""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from app.domain.importing import Item, SheetReading, Subject, WorkbookReading
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.reading import Fact, Question
from app.domain.text import Phrase
from app.services.shelf import Kept

CLASSES: dict[str, Any] = {kind.__name__: kind for kind in (CodeMeaning, Item, Question, SheetReading, Subject)}
BLOCK = 50_000
"""So many cells are written and read at a time."""
SIZE = 5 * array("I").itemsize
LENGTH = 8


class StoredFacts:
    """The facts of a sheet on disk: calling it walks them, as often as wanted.

    A cell is five numbers: row, column, subject, item, and a place in ``table`` for what many cells have in common.
    ``tops`` are the uppermost rows of the blocks, ``texts`` the number of cells with each text.
    """

    def __init__(self, kept: Kept, head: dict[str, Any]) -> None:
        self._kept = kept
        self._start, self._count, self._tops = head["start"], head["count"], head["tops"]
        self._table = [_whole(["t", common]) for common in head["table"]]
        self.texts: Counter[str] = Counter()
        for common, number in zip(self._table, head["uses"], strict=True):
            self.texts[common[2]] += number

    def __call__(self) -> Iterator[Fact]:
        for number in range(len(self._tops)):
            yield from self._block(number)

    def above(self, row: int) -> Iterator[Fact]:
        """Those that may stand above ``row``; blocks that lie below it are passed over."""
        for number, top in enumerate(self._tops):
            if top < row:
                yield from self._block(number)

    def _block(self, number: int) -> Iterator[Fact]:
        first = number * BLOCK
        cells = array("I")
        cells.frombytes(self._kept.read(self._start + first * SIZE, min(BLOCK, self._count - first) * SIZE))
        table = self._table
        for row, column, subject, item, code in zip(*(cells[place::5] for place in range(5)), strict=True):
            yield Fact(row, column, subject, item, *table[code])


def text_counts(reading: SheetReading) -> Counter[str]:
    """How many cells of a sheet hold each text."""
    facts: Any = reading.facts
    return facts.texts if isinstance(facts, StoredFacts) else Counter(fact.text for fact in reading.facts())


def facts_above(reading: SheetReading, row: int) -> Iterator[Fact]:
    """The facts of a sheet that stand above ``row``."""
    facts: Any = reading.facts
    found = facts.above(row) if isinstance(facts, StoredFacts) else reading.facts()
    return (fact for fact in found if fact.row < row)


def write_reading(path: Path, reading: WorkbookReading, tick: Callable[[int, int], None]) -> None:
    """Write a reading to ``path``; ``tick`` hears how many of how many cells are written."""
    total = sum(sum(sheet.cells.values()) for sheet in reading.sheets)
    done = 0
    with path.open("wb") as target:
        sheets = []
        for sheet in reading.sheets:
            facts = _write_cells(target, sheet.facts(), lambda count: tick(done + count, total))  # noqa: B023 - at once
            done += facts["count"]
            sheets.append({"sheet": _plain(sheet), "facts": facts})
        start = target.tell()
        target.write(json.dumps({"sheets": sheets}).encode())
        target.write(start.to_bytes(LENGTH, "big"))


def _write_cells(target: BinaryIO, cells: Iterable[Any], tick: Callable[[int], None]) -> dict[str, Any]:
    start, count = target.tell(), 0
    codes: dict[tuple[Any, ...], int] = {}
    uses: list[int] = []
    tops: list[int] = []
    block = array("I")
    for cell in cells:
        if not count % BLOCK:
            if block:
                tops.append(min(block[::5]))
                block.tofile(target)
                tick(count)
            block = array("I")
        common = cell[4:]
        code = codes.get(common)
        if code is None:
            code = codes[common] = len(codes)
            uses.append(0)
        uses[code] += 1
        block.extend((*cell[:4], code))
        count += 1
    if block:
        tops.append(min(block[::5]))
        block.tofile(target)
    table = [[_plain(part) for part in common] for common in codes]
    return {"start": start, "count": count, "table": table, "uses": uses, "tops": tops}


def read_reading(kept: Kept) -> WorkbookReading:
    """The reading in a kept file."""
    start = int.from_bytes(kept.read(kept.size - LENGTH, LENGTH), "big")
    head = json.loads(kept.read(start, kept.size - LENGTH - start))
    return WorkbookReading([_sheet(kept, one) for one in head["sheets"]])


def _sheet(kept: Kept, head: dict[str, Any]) -> SheetReading:
    sheet: SheetReading = _whole(head["sheet"])
    sheet.facts = StoredFacts(kept, head["facts"])
    return sheet


def _plain(value: Any) -> Any:
    """A value as JSON knows it; what JSON lacks becomes a list of a letter and its parts."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):
        return ["d", value.isoformat()]
    if isinstance(value, Phrase):
        return ["p", value.template, _plain(value.values)]
    if is_dataclass(value):
        shown = [one.name for one in fields(value) if one.name not in ("facts", "places")]
        return ["c", type(value).__name__, [[name, _plain(getattr(value, name))] for name in shown]]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return ["n", type(value).__name__, [_plain(one) for one in value]]
    if isinstance(value, dict):
        letter = "k" if isinstance(value, Counter) else "m"
        return [letter, [[_plain(key), _plain(one)] for key, one in value.items()]]
    letters: dict[Any, str] = {list: "l", tuple: "t", set: "s", frozenset: "f"}
    return [letters[type(value)], [_plain(one) for one in value]]


def _whole(value: Any) -> Any:
    """The value that ``_plain`` wrote."""
    if not isinstance(value, list):
        return value
    letter, *rest = value
    if letter == "d":
        return date.fromisoformat(rest[0])
    if letter == "c":
        return CLASSES[rest[0]](**{name: _whole(one) for name, one in rest[1]})
    if letter == "p":
        return Phrase(rest[0], **_whole(rest[1]))
    parts = rest[-1]
    if letter == "n":
        return CLASSES[rest[0]](*map(_whole, parts))
    if letter in "km":
        made = {_whole(key): _whole(one) for key, one in parts}
        return Counter(made) if letter == "k" else made
    kinds: dict[str, Any] = {"l": list, "t": tuple, "s": set, "f": frozenset}
    return kinds[letter](map(_whole, parts))
