"""What only the sheets of a workbook together tell: records of one person each, lists joined by a key, snapshots."""

import re
from collections import Counter
from collections.abc import Mapping

from app.domain.importing.blocks import person_like_name, read_person_sheet
from app.domain.importing.drafts import Draft
from app.domain.importing.listed import ITEM_FIELDS, PERSON_FIELDS, ROLE_FIELDS, ListTable
from app.domain.importing.lists import ListReader
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.owners import Owner, owner_of
from app.domain.importing.reading import SheetReading
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import Vocabulary, normal, words_of
from app.domain.text import Phrase

# Columns whose values repeat in every list of a company; sharing them joins nothing.
_NO_KEYS = frozenset(
    {"department", "site", "shift", "status", "supervisor", "grade", "contract", "version", "comment"}
    | {"date", "expiry", "effective", "hours", "validity", "days", "level", "score", "total", "sequence"}
)
_MATRIX = ("role_item", "person_item", "person_level", "raci")


def people_by_sheet(drafts: list[Draft], legends: Mapping[str, CodeMeaning]) -> None:
    """Sheets named after people that each list courses are one record per person, wherever the name stands."""
    candidates = [
        draft
        for draft in drafts
        if draft.table
        and draft.table.has(*ITEM_FIELDS)
        and not draft.table.has("person", "last_name", "employee_no")
        and draft.reading.verdict in ("not_a_matrix", "sheet_per_person", "long", "role_item", "person_item")
        and draft.sheet.grid.name
    ]
    named = [draft for draft in candidates if person_like_name(draft.sheet.grid.name, draft.sheet)]
    single = len(drafts) == 1
    if len(named) < 2 and not (single and named):
        return
    for draft in candidates:
        if draft.reading.verdict == "sheet_per_person" or draft.table is None:
            continue
        if draft in named or len(named) >= 0.5 * len(candidates):
            owner = owner_of(draft.sheet, draft.table) or Owner(draft.sheet.grid.name, draft.sheet.grid.name.strip(), 0)
            draft.reading = read_person_sheet(draft.sheet, draft.table, owner, legends)


def relational(drafts: list[Draft], legends: Mapping[str, CodeMeaning]) -> None:
    """Lists that share a key: curricula with courses, curricula with groups, people with groups."""
    lists = [d for d in drafts if d.table and d.table.rows and d.reading.verdict in ("not_a_matrix", "long")]
    direct = [d for d in lists if d.table and d.table.has(*PERSON_FIELDS) and d.table.has(*ITEM_FIELDS)]
    if len(lists) < 2 or direct:
        return
    keys = {id(draft): _key_sets(draft) for draft in lists}
    for draft in lists:
        others = [other for other in lists if other is not draft]
        joined = [other for other in others if _joins(keys[id(draft)], keys[id(other)])]
        if joined:
            names = ", ".join(other.sheet.grid.name for other in joined)
            draft.reading = _read_relation(
                draft, Phrase("A list that shares a key with: %(sheets)s.", sheets=names), legends
            )


def _key_sets(draft: Draft) -> list[tuple[str, set[str]]]:
    table, sheet = draft.table, draft.sheet
    if table is None:
        return []
    sets = []
    for column, field_name in table.fields.items():
        if field_name in _NO_KEYS:
            continue
        header = normal(sheet.text(table.header, column)) if table.header is not None else ""
        values = set(sheet.distinct(column, table.rows))
        if len(values) >= 2:
            sets.append((header, values))
    return sets


def _joins(first: list[tuple[str, set[str]]], second: list[tuple[str, set[str]]]) -> bool:
    for header, values in first:
        for other, more in second:
            same = len(values & more)
            needed = 0.5 if header == other and header else 0.75
            if same >= 2 and same >= needed * min(len(values), len(more)):
                return True
    return False


def _read_relation(draft: Draft, reason: Phrase, legends: Mapping[str, CodeMeaning]) -> SheetReading:
    sheet, table = draft.sheet, draft.table
    if table is None:
        return draft.reading
    _name_curriculum(sheet, table)
    reader = ListReader(sheet, table, legends)
    if table.has(*ITEM_FIELDS) and (table.has(*PERSON_FIELDS) or table.has(*ROLE_FIELDS)):
        reader.long()
    else:
        for row in table.rows:
            who = reader.subject_of(row, ("", ""))
            code, title = reader.item_of(row)
            if who[0]:
                reader.gathered.subject(*who, row)
            if code or title:
                reader._describe_item(row, reader.gathered.items[reader.gathered.item(code, title, row)])
    return reader.reading("relational", 0.75, [reason])


def _name_curriculum(sheet: Sheet, table: ListTable) -> None:
    """A column without a known name that comes first in a list of relations is the curriculum: it stands for the
    subject beside items, and for the item beside groups of users."""
    unnamed = [c for c, what in table.fields.items() if what in ("?", "planned", "category", "level", "sequence")]
    subject, item = table.has(*PERSON_FIELDS, "role", "user_group"), table.has(*ITEM_FIELDS)
    if subject == item or not unnamed or unnamed[0] > min(table.fields):
        return
    if not all(sheet.text(row, unnamed[0]) for row in table.rows):
        return
    if item:
        table.fields[unnamed[0]] = "user_group"
    elif not table.has(*PERSON_FIELDS):
        table.fields[unnamed[0]] = "item"


def snapshots(drafts: list[Draft]) -> None:
    """Sheets of the same layout, named after months, sprints or years: one state each, not additional people."""
    matrices = [draft for draft in drafts if draft.reading.verdict in (*_MATRIX, "long")]
    timed = [draft for draft in matrices if time_name(draft.sheet.grid.name, draft.sheet.vocabulary)]
    if len(timed) < 2:
        return
    prints = {id(draft): {normal(item.label) for item in draft.reading.items} for draft in timed}
    common = Counter(label for found in prints.values() for label in found)
    for draft in timed:
        known = prints[id(draft)]
        if known and sum(common[label] > 1 for label in known) >= 0.5 * len(known):
            draft.reading.verdict = "snapshot"
            draft.reading.reasons.insert(
                0,
                Phrase(
                    "One of %(number)s sheets of the same layout named after a time: a snapshot.", number=len(timed)
                ),
            )


def time_name(name: str, vocabulary: Vocabulary) -> bool:
    """Whether the name of a sheet is a month, a year, a week, a sprint."""
    words = words_of(re.sub(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])", " ", name)) or [normal(name)]
    if normal(name) in vocabulary.months:
        return True
    known = [
        w
        for w in words
        if w in vocabulary.months or w in vocabulary.words["snapshot"] or w in ("q", "w", "wk", "kw", "s")
    ]
    numbers = [w for w in words if w.isdigit()]
    return (
        bool(known or any(len(n) == 4 and n[:2] in ("19", "20") for n in numbers))
        and len(known) + len(numbers) >= len(words) - 1
    )
