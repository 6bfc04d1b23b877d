"""Takes apart what stands together in one cell: lists such as ``17, 26, 42``, and JSON."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from app.domain.importing.dates import read_date
from app.domain.importing.grid import as_text
from app.domain.importing.lexis import split_list
from app.domain.importing.vocabulary import Vocabulary, normal

_ITEM_KEYS = ("code", "course", "item", "name", "title", "id", "sop", "training")
_ITEM_FIELDS = ("item_code", "item", "item_title")


class Entry(NamedTuple):
    """One entry: its text, and the day and the status or level that stand beside it, where they do."""

    text: str
    title: str | None = None
    day: date | None = None
    expires: date | None = None
    status: Any = None


def entries_of(raw: str, vocabulary: Vocabulary) -> list[Entry]:
    """Entries of a list in a cell, JSON included."""
    text = raw.strip()
    if text[:1] in "[{":
        try:
            return [entry for entry in _read(json.loads(text), vocabulary) if entry.text]
        except ValueError:
            pass
    parts = [" ".join(part.split()) for part in split_list(raw)]
    if parts and all(_NUMBERED.match(part) for part in parts):
        parts = [_NUMBERED.sub("", part) for part in parts]
    return [_dated(part, vocabulary) for part in parts]


def _dated(part: str, vocabulary: Vocabulary) -> Entry:
    """An entry with its day behind it: ``SOP-001 (12 Mar 2024)``, ``GMP: 12.03.2024``."""
    match = _DAY_BEHIND.match(part)
    read = read_date(match["day"], vocabulary) if match else None
    if match is not None and read is not None and not read.unknown:
        return Entry(match["text"].strip(), None, read.day)
    said = _SAID_BEHIND.match(part)
    if said and vocabulary.detail(said["said"]):
        return Entry(said["text"].strip(), status=said["said"])
    return Entry(part)


_NUMBERED = re.compile(r"^\(?\d{1,2}\s*[.)]\s+(?=\S)")
_SAID_BEHIND = re.compile(r"^(?P<text>.*?\S)\s*[(\[](?P<said>[^()\[\]]{2,30})[)\]]$")
_DAY_BEHIND = re.compile(
    r"^(?P<text>.*?\S)\s*(?:[(\[]|:|\s[-–@]\s|\s(?=\d{1,4}[./\-]\d))\s*"
    r"(?P<day>[^()\[\]]*\d[^()\[\]]*?)\s*[)\]]?$"
)


def _read(data: Any, vocabulary: Vocabulary, status: Any = None) -> Iterator[Entry]:
    if isinstance(data, dict):
        record = _record(data, vocabulary)
        if record:
            yield record if record.status is not None or record.day else record._replace(status=status)
            return
        for key, value in data.items():
            yield from _member(as_text(key), value, vocabulary)
    elif isinstance(data, list):
        for entry in data:
            if isinstance(entry, list | dict):
                yield from _read(entry, vocabulary, status)
            else:
                yield Entry(as_text(entry), status=status)


def _member(key: str, value: Any, vocabulary: Vocabulary) -> Iterator[Entry]:
    """``"SOP-1": "2024-01-02"`` names an item; ``"completed": [...]`` names what holds for the entries in it."""
    if isinstance(value, list | dict):
        if isinstance(value, dict) and not value:
            return
        said = key if vocabulary.detail(key) else None
        inner = isinstance(value, dict) and not _scalars_only(value)
        if isinstance(value, list) or said or inner or vocabulary.names_field(_words(key), *_ITEM_FIELDS):
            yield from _read(value, vocabulary, said)
        else:
            day, expires = _days(value, vocabulary)
            yield Entry(key, None, day, expires, _status(value, vocabulary))
    elif value not in (False, None, 0, ""):
        day = _day(value, vocabulary)
        known = None if day or value is True or not (isinstance(value, int) or vocabulary.detail(str(value))) else value
        yield Entry(key, None, day, None, known)


def _scalars_only(data: Mapping[str, Any]) -> bool:
    return not any(isinstance(value, list | dict) for value in data.values())


def _words(key: str) -> str:
    """``completedOn`` and ``completed_on`` as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-]+", " ", str(key))


def _record(data: Mapping[str, Any], vocabulary: Vocabulary) -> Entry | None:
    """An object that describes one item by its members."""
    named: dict[str, str] = {}
    for key, value in data.items():
        if isinstance(value, list | dict) or value in (None, ""):
            continue
        for name in _ITEM_FIELDS:
            if vocabulary.names_field(_words(key), name):
                named.setdefault(name, as_text(value))
    if not named:
        known = {normal(key): value for key, value in data.items()}
        text = next((known[k] for k in _ITEM_KEYS if k in known), None)
        if text is None or isinstance(text, list | dict) or len(data) < 2:
            return None
        named["item"] = as_text(text)
    code, title = named.get("item_code"), named.get("item") or named.get("item_title")
    day, expires = _days(data, vocabulary)
    status = _status(data, vocabulary)
    if status is None and day is None and any(_is_open(key, value, vocabulary) for key, value in data.items()):
        status = False
    return Entry(code or title or "", title if code and title != code else None, day, expires, status)


def _is_open(key: str, value: Any, vocabulary: Vocabulary) -> bool:
    return value in (None, "") and vocabulary.names_field(_words(key), "date")


def _days(data: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[date | None, date | None]:
    """The day of the training and the day it lapses, by the names of the members, else the first day found."""
    day = expires = other = None
    for key, value in data.items():
        read = _day(value, vocabulary)
        if read is None:
            continue
        names = vocabulary.field_names(_words(key))
        if "expiry" in names:
            expires = expires or read
        elif "date" in names:
            day = day or read
        elif not names & {"planned", "effective", "hire_date"}:
            other = other or read
    return day or other, expires


def _day(value: Any, vocabulary: Vocabulary) -> date | None:
    if not isinstance(value, str):
        return None
    if re.match(r"\d{4}-\d{2}-\d{2}", value):
        value = value[:10]
    read = read_date(value, vocabulary)
    return read.day if read and not read.unknown else None


def _status(data: Mapping[str, Any], vocabulary: Vocabulary) -> Any:
    for key, value in data.items():
        names = vocabulary.field_names(_words(key))
        if isinstance(value, bool) and (vocabulary.detail(_words(key)) or names & {"status", "date"}):
            return value
        if names & {"status", "level"} and isinstance(value, str | int) and value != "":
            return value
    return None
