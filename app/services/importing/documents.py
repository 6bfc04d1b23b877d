"""Imports items and their versions, one line per version (DOC-1, DOC-2, DOC-4).

An item is found again by ``code``, a version by its label. ``approved_on`` and ``effective_on`` become the fact from
when the version may be trained and is in force, ``verdicts`` what it demands of each job function, ``retired_on`` the
end of the item. The states of versions follow from the dates. A type that is not known yet is added: a company's own
kinds of documents are its own words. A version that was signed here is not changed by a file.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, calendar_of
from app.domain.text import Phrase
from app.models.documents import (
    ITEM_KINDS,
    REVISION_CLASSES,
    VERDICTS,
    Category,
    DocumentType,
    Item,
    Release,
    Retirement,
    Verdict,
    Version,
)
from app.models.files import StoredFile
from app.models.signing import Transition
from app.services.importing import lookups
from app.services.importing.documents_write import DocumentChanges, write
from app.services.importing.lookups import chunks, find_in, select_by
from app.services.importing.plan import FactChanges, Plan, Recorded, Wanted, compare, start_of
from app.services.importing.sheet import (
    BadCell,
    Columns,
    Sheet,
    day_or_instant,
    did_you_mean,
    one_of,
    text_up_to,
    whole_number,
)

COLUMNS = Columns(
    ("code", "title", "version"),
    (
        *("type", "revision_class", "approved_on", "effective_on", "retired_on", "verdicts", "file"),
        *("kind", "category", "client", "department", "owner_no", "minutes", "summary"),
    ),
)
ITEM_FIELDS = {
    "title": "title",
    "type": "type_id",
    "kind": "kind",
    "category": "category_id",
    "client": "client_id",
    "department": "department_id",
    "owner_no": "owner_id",
    "minutes": "minutes",
}
"""Column of the file → column of the item."""


class Line(NamedTuple):
    """One version as the file states it. Fields whose column the file lacks are absent from the dicts."""

    position: int
    code: str
    label: str
    item: dict[str, Any]
    version: dict[str, Any]
    dates: tuple[datetime, datetime] | None
    verdicts: dict[int, str]
    retired_at: datetime | None


def plan(session: Session, sheet: Sheet, folder: Path | None = None) -> Plan:
    """Check a file of documents against what is recorded; write nothing. ``folder`` is where ``file`` paths start."""
    result = Plan("documents", sheet)
    lines = _lines(session, sheet, folder)
    _check_lines(sheet, lines)
    bad = sheet.bad_rows
    lines = [line for line in lines if line.position not in bad]
    known_items = _items(session, [line.code for line in lines])
    known_versions = {(code, one["label"]): one for code, one in _versions(session, list(known_items))}
    changes = DocumentChanges(sheet)
    _compare_items(result, changes, lines, known_items)
    _compare_versions(result, changes, lines, known_versions)
    _compare_facts(session, result, changes, lines)
    _protect_signed(session, sheet, changes, known_versions)
    result.write = partial(write, changes=changes)
    return result


# --- reading the lines -----------------------------------------------------------------------------------------


def _lines(session: Session, sheet: Sheet, folder: Path | None) -> list[Line]:
    codes = sheet.parse("code", text_up_to(80, required=True))
    labels = sheet.parse("version", text_up_to(40, required=True))
    item_columns = _item_columns(session, sheet)
    version_columns: dict[str, list[Any]] = {
        "revision_class": sheet.parse("revision_class", one_of(tuple(REVISION_CLASSES), default="major")),
        "change_summary": [text or None for text in sheet.texts("summary")],
        "file": sheet.parse("file", partial(_content, folder=folder)),
    }
    present = {"revision_class": "revision_class", "change_summary": "summary", "file": "file"}
    approved = sheet.parse("approved_on", day_or_instant)
    effective = sheet.parse("effective_on", day_or_instant)
    retired = sheet.parse("retired_on", day_or_instant)
    functions = {code: unit.id for (kind, code), unit in lookups.units(session).items() if kind == "job_function"}
    verdicts = sheet.parse("verdicts", partial(_verdicts, functions=functions))
    days = calendar_of(sheet.zone)
    lines = []
    for position in list(sheet.good()):
        approval, effect = approved[position], effective[position]
        dates = None
        if approval is not None or effect is not None:
            in_force = start_of(effect, days)
            dates = (start_of(approval, days, in_force), in_force)
            if dates[0] > dates[1]:
                sheet.doubt(position, "approved_on", Phrase("the version was approved after it took effect."))
        lines.append(
            Line(
                position,
                codes[position] or "",
                labels[position] or "",
                {name: values[position] for name, values in item_columns.items()},
                {name: values[position] for name, values in version_columns.items() if sheet.has(present[name])},
                dates,
                verdicts[position] or {},
                start_of(retired[position], days) if retired[position] is not None else None,
            )
        )
    return lines


def _item_columns(session: Session, sheet: Sheet) -> dict[str, list[Any]]:
    """Return the item's own columns that the file has, under the names of the item's columns."""
    units = lookups.units(session)
    categories = {code: one for one, code in session.execute(select(Category.id, Category.code))}
    types = {code: one for one, code in session.execute(select(DocumentType.id, DocumentType.code))}
    clients = {code: unit.id for (kind, code), unit in units.items() if kind == "client"}
    departments = {code: unit.id for (kind, code), unit in units.items() if kind == "department"}
    owners = lookups.people(session, (text for text in sheet.texts("owner_no") if text), sheet.zone)
    people = {number: person.id for number, person in owners.items()}
    parsers: dict[str, Any] = {
        "title": text_up_to(300, required=True),
        "type": partial(_type, known=types),
        "kind": one_of(tuple(ITEM_KINDS), default="document"),
        "category": _or_none(find_in(categories, "category")),
        "client": _or_none(find_in(clients, "client")),
        "department": _or_none(find_in(departments, "department")),
        "owner_no": _or_none(find_in(people, "person")),
        "minutes": whole_number(None, most=100_000),
    }
    return {ITEM_FIELDS[column]: sheet.parse(column, parser) for column, parser in parsers.items() if sheet.has(column)}


def _or_none(parser: Any) -> Any:
    return lambda text: parser(text) if text else None


def _type(text: str, known: dict[str, int]) -> int | str | None:
    """Return the id of a document type, or the code of one that is to be added."""
    if not text:
        return None
    for form in (text, text.upper()):
        if form in known:
            return known[form]
    return text_up_to(40)(text)


def _verdicts(text: str, functions: dict[str, int]) -> dict[int, str]:
    """Return function id → verdict of a list such as ``OPERATOR=read;LEAD=ojt``."""
    found: dict[int, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        code, equals, word = (piece.strip() for piece in part.rpartition("="))
        if not equals:
            raise BadCell("%(value)s is not a verdict like OPERATOR=read.", value=part)
        if code not in functions:
            hint = did_you_mean(code, functions)
            raise BadCell("there is no job function %(value)s.%(hint)s", value=code, hint=hint)
        verdict = one_of(tuple(VERDICTS))(word)
        if found.setdefault(functions[code], verdict) != verdict:
            raise BadCell("%(value)s has two different verdicts.", value=code)
    return found


def _content(text: str, folder: Path | None) -> tuple[str, str, bytes] | None:
    """Return SHA-256, name and bytes of the file that a cell names, or None for an empty cell."""
    if not text:
        return None
    if folder is None:
        raise BadCell("files beside the list can be brought by the command line only. Leave the cell empty.")
    root = folder.resolve()
    path = (root / text).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise BadCell("there is no file %(value)s beside the list.", value=text)
    data = path.read_bytes()
    return sha256(data).hexdigest(), path.name, data


def _check_lines(sheet: Sheet, lines: list[Line]) -> None:
    """One line per version, and one day on which an item is retired."""
    seen: dict[tuple[str, str], int] = {}
    retired: dict[str, tuple[datetime, int]] = {}
    for line in lines:
        first = seen.setdefault((line.code, line.label), line.position)
        if first != line.position:
            row = sheet.table.rows[first][0]
            phrase = Phrase("version %(label)s is in row %(row)s already.", label=line.label, row=row)
            sheet.wrong(line.position, "version", phrase)
        if line.retired_at is not None:
            day, position = retired.setdefault(line.code, (line.retired_at, line.position))
            if day != line.retired_at:
                row = sheet.table.rows[position][0]
                phrase = Phrase("row %(row)s says that the item is retired on another day.", row=row)
                sheet.wrong(line.position, "retired_on", phrase)


# --- comparing with what is recorded ---------------------------------------------------------------------------


def _items(session: Session, codes: list[str]) -> dict[str, dict[str, Any]]:
    columns = ["id", "code", *ITEM_FIELDS.values()]
    return {
        row.code: row._asdict()
        for part in chunks(codes)
        for row in session.execute(select(*(getattr(Item, name) for name in columns)).where(Item.code.in_(part)))
    }


def _versions(session: Session, codes: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in chunks(codes):
        query = (
            select(
                Item.code,
                Version.id,
                Version.label,
                Version.sequence,
                Version.revision_class,
                Version.change_summary,
                StoredFile.sha256,
            )
            .join(Version, Version.item_id == Item.id)
            .outerjoin(StoredFile, Version.file_id == StoredFile.id)
            .where(Item.code.in_(part))
        )
        for row in session.execute(query):
            yield row.code, row._asdict()


def _compare_items(result: Plan, changes: DocumentChanges, lines: list[Line], known: dict[str, dict[str, Any]]) -> None:
    """The line of the newest version speaks for the item."""
    newest: dict[str, Line] = {}
    for line in sorted(lines, key=_order):
        newest[line.code] = line
    for code, line in newest.items():
        now = known.get(code)
        if now is None:
            changes.new_items[code] = line.item
            result.note("item", "add", line.position, f"{code} {line.item.get('title', '')}")
            continue
        differing = {name: (now[name], value) for name, value in line.item.items() if now[name] != value}
        if differing:
            changes.changed_items[code] = {"id": now["id"], **{name: line.item[name] for name in differing}}
        result.note("item", "change" if differing else "unchanged", line.position, code, differing)


def _order(line: Line) -> tuple[datetime, datetime, int]:
    """Versions follow one another by their dates; those without dates come last, as the file has them."""
    training, effective = line.dates or (FOREVER, FOREVER)
    return effective, training, line.position


def _compare_versions(
    result: Plan, changes: DocumentChanges, lines: list[Line], known: dict[tuple[str, str], dict[str, Any]]
) -> None:
    for line in sorted(lines, key=_order):
        what = f"{line.code} version {line.label}"
        now = known.get((line.code, line.label))
        if now is None:
            changes.new_versions.append((line.code, line.label, line.version))
            result.note("version", "add", line.position, what)
            continue
        said = {name: value for name, value in line.version.items() if name != "file"}
        differing = {name: (now[name], value) for name, value in said.items() if now[name] != value}
        content = line.version.get("file")
        if content is not None and content[0] != now["sha256"]:
            differing["file"] = (now["sha256"], content[0])
        if differing:
            changes.changed_versions[line.code, line.label] = (
                line.position,
                {"id": now["id"], **{name: line.version[name] for name in differing}},
            )
        result.note("version", "change" if differing else "unchanged", line.position, what, differing)


def _compare_facts(session: Session, result: Plan, changes: DocumentChanges, lines: list[Line]) -> None:
    sheet = result.sheet
    codes = {line.code for line in lines}
    keys = {(line.code, line.label): line.position for line in lines}

    def what(position: int) -> str:
        _, cells = sheet.table.rows[position]
        return " ".join(cells[sheet.table.header.index(name)] for name in ("code", "version"))

    if sheet.has("approved_on") or sheet.has("effective_on"):
        wanted = [Wanted(line.position, (line.code, line.label), line.dates) for line in lines if line.dates]
        recorded = [one for one in _recorded(session, Release, codes) if one.key in keys]
        compare(result, "release", changes.releases, wanted, recorded, what)
        _missing(result, "release", changes.releases, wanted, recorded, keys, what)
    if sheet.has("verdicts"):
        wanted = [
            Wanted(line.position, (line.code, line.label, function), (verdict,))
            for line in lines
            for function, verdict in line.verdicts.items()
        ]
        recorded = [one for one in _recorded(session, Verdict, codes) if one.key[:2] in keys]
        compare(result, "verdict", changes.verdicts, wanted, recorded, what)
        _missing(result, "verdict", changes.verdicts, wanted, recorded, keys, what)
    if sheet.has("retired_on"):
        retired = {line.code: line for line in lines if line.retired_at is not None}
        wanted = [Wanted(line.position, (code,), (line.retired_at,)) for code, line in retired.items()]
        recorded = list(_recorded(session, Retirement, codes))
        compare(result, "retirement", changes.retirements, wanted, recorded, what)
        positions = {(line.code,): line.position for line in lines}
        _missing(result, "retirement", changes.retirements, wanted, recorded, positions, what)


def _recorded(session: Session, model: Any, codes: set[str]) -> Iterator[Recorded]:
    """Yield the current releases, verdicts or retirements of these items, keyed by code (and label, and function)."""
    for part in chunks(codes):
        if model is Retirement:
            query: Any = select(model.id, Item.code, model.retired_at).join(Item, model.item_id == Item.id)
            keyed = 1
        else:
            values = (
                (Release.training_from, Release.effective_from)
                if model is Release
                else (Verdict.function_id, Verdict.verdict)
            )
            query = (
                select(model.id, Item.code, Version.label, *values)
                .join(Version, model.version_id == Version.id)
                .join(Item, Version.item_id == Item.id)
            )
            keyed = 2 if model is Release else 3
        for row in session.execute(query.where(Item.code.in_(part), model.voided_at == FOREVER)):
            yield Recorded(row[0], tuple(row[1 : 1 + keyed]), tuple(row[1 + keyed :]))


def _missing(
    result: Plan,
    noun: str,
    changes: FactChanges,
    wanted: list[Wanted],
    recorded: list[Recorded],
    positions: dict[Any, int],
    what: Any,
) -> None:
    """Withdraw what is recorded for a version in the file and that its line no longer says."""
    said = {one.key for one in wanted}
    for fact in recorded:
        if fact.key not in said:
            position = positions[fact.key[:2]]
            changes.withdrawn.append(fact.id)
            result.note(noun, "withdraw", position, what(position))


def _protect_signed(
    session: Session, sheet: Sheet, changes: DocumentChanges, known: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """What was approved here under a signature is not changed by a file."""
    ids = {one["id"]: key for key, one in known.items()}
    condition = (Transition.record_type == "versions", Transition.signature_id.is_not(None))
    signed = {ids[one] for (one,) in select_by(session, (Transition.record_id,), Transition.record_id, ids, *condition)}
    touched = {key: position for key, (position, _) in changes.changed_versions.items()}
    touched |= {one.key[:2]: one.position for one in (*changes.releases.lines, *changes.verdicts.lines)}
    for key in signed & touched.keys():
        phrase = Phrase("version %(label)s was signed here; revise it instead of importing it.", label=key[1])
        sheet.wrong(touched[key], "version", phrase)
