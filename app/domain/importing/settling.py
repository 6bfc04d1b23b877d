"""Settles by their contents what the columns of a list are where the header allows two readings or says nothing."""

from collections import Counter
from datetime import date, datetime

from app.domain.importing.dates import read_date
from app.domain.importing.grid import as_text
from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMPTY,
    IDENT,
    ITEM_CODE,
    JSON,
    LABEL,
    LIST,
    MARK,
    NAME,
    NUMBER,
    SERIAL,
    SMALL,
    STATUS,
    looks_like_name,
    split_list,
)
from app.domain.importing.listed import ITEM_FIELDS, PERSON_FIELDS, ListTable
from app.domain.importing.measures import read_measure
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import Vocabulary, normal, words_of


def settle(sheet: Sheet, table: ListTable) -> None:
    """Look at the contents of every column and correct what the header alone made of it."""
    _settle_by_content(sheet, table)
    _settle_spans(sheet, table)
    _settle_roles(sheet, table)
    _settle_curricula(sheet, table)
    _settle_issued(sheet, table)


def _settle_issued(sheet: Sheet, table: ListTable) -> None:
    """Beside a person and what the person holds, the day of issue is the day of the training, when there is no
    other."""
    issued = table.first("effective")
    if issued is not None and table.has("person", "employee_no") and table.has("expiry") and not table.has("date"):
        table.fields[issued] = "date"


def _settle_by_content(sheet: Sheet, table: ListTable) -> None:
    """Where a header allows two readings, the contents decide: a name column of courses, an id column of people."""
    for column, what in list(table.fields.items()):
        kinds = Counter(sheet.kinds.at(row, column) for row in table.rows[:300])
        kinds.pop(EMPTY, None)
        total = sum(kinds.values())
        if not total:
            continue
        share = {kind: number / total for kind, number in kinds.items()}
        if share.get(JSON, 0) > 0.5 and not table.has("item", "item_code"):
            table.fields[column] = "item"
        elif what in ("?", "category") and not table.has("validity") and _periods(sheet, table, column):
            table.fields[column] = "validity"
        elif what == "?":
            table.fields[column] = _unnamed(sheet, table, column, share)
        else:
            table.fields[column] = _renamed(sheet, table, column, share)


def _periods(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether a column says how often: "annual", "every 2 years", "once"."""
    texts = sheet.distinct(column, table.rows[:300])
    measures = [read_measure(text, sheet.vocabulary) for text in texts]
    return len(texts) > 1 and all(measure is not None and measure.months is not None for measure in measures)


def _names_listed(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether the cells of a column list people: "read by", "still to read"."""
    parts = _parts(sheet, table, column)
    others = [c for c, what in table.fields.items() if what == "person" and c != column]
    known = {part for other in others for part in _parts(sheet, table, other)}
    if known & set(parts):
        return True
    names = sum(looks_like_name(part, sheet.vocabulary) for part in parts)
    return len(parts) > len(table.rows) and names > 0.5 * len(parts)


def _parts(sheet: Sheet, table: ListTable, column: int) -> list[str]:
    values = (sheet.grid.value(row, column) for row in table.rows[:100])
    return [part for value in values if isinstance(value, str) for part in split_list(value)]


def _unnamed(sheet: Sheet, table: ListTable, column: int, share: dict[int, float]) -> str:
    """What a column is whose header says nothing."""
    if (
        table.has(*ITEM_FIELDS)
        and share.get(LIST, 0) + share.get(NAME, 0) > 0.5
        and _names_listed(sheet, table, column)
    ):
        return "person"
    if table.header is None and share.get(NAME, 0) > 0.6 and not table.has("person", "last_name"):
        return "person"
    if share.get(ITEM_CODE, 0) > 0.6 and not table.has("item_code") and _lettered(sheet, table, column):
        return "?" if _of_rows(sheet, table, column) else "item_code"
    if share.get(DATE, 0) + share.get(DATE_TEXT, 0) > 0.6 and not table.has("date"):
        return "date"
    return "?"


def _renamed(sheet: Sheet, table: ListTable, column: int, share: dict[int, float]) -> str:
    """What a column is whose header could mean two things."""
    what, coded = table.fields[column], share.get(ITEM_CODE, 0) > 0.6
    if what in ("contract", "grade") and share.get(STATUS, 0) > 0.6 and not table.has("status"):
        return "status"
    dated = share.get(DATE, 0) + share.get(DATE_TEXT, 0) + share.get(SERIAL, 0)
    if what in ("date", "status") and share.get(LIST, 0) > 0.3 and dated < 0.3:
        return "?"
    if what == "person":
        if share.get(CODE, 0) + share.get(MARK, 0) == 1.0 and not _all_different(sheet, table, column):
            return "?"  # a job function called "Operator", with its codes
        if coded and not table.has("item", "item_code"):
            return "item_code"
        if _generic_name(sheet, table, column) and share.get(NAME, 0) < 0.2 and _items(sheet, table, column):
            return "item_title" if table.has("item") else "item"
        if _roles_or_all(sheet, table, column) and not table.has("role", "user_group", "employee_no"):
            return "user_group"
    elif what == "hire_date" and table.has("item", "item_code", "item_title") and not table.has("date"):
        return "date"
    elif what == "employee_no" and coded and not table.has("person") and _titles(sheet, table, column):
        return "item_code"
    elif what == "item_title" and _roles(sheet, table, column) and not table.has("role"):
        return "role"
    return what


def _of_rows(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether codes number the rows of a list of people and items, or belong to job functions by their heading."""
    heading = sheet.text(table.header, column) if table.header is not None else ""
    numbering = table.has("item") and table.has(*PERSON_FIELDS) and _all_different(sheet, table, column)
    return numbering or any(sheet.vocabulary.exact_field(word, "role") for word in words_of(heading))


def _titles(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether the codes of a column belong to titles beside them, because its heading does not speak of people."""
    heading = sheet.text(table.header, column) if table.header is not None else ""
    of_people = any(sheet.vocabulary.exact_field(word, "person") for word in words_of(heading))
    return table.has("item", "item_title") and not of_people


def _all_different(sheet: Sheet, table: ListTable, column: int) -> bool:
    return all(number == 1 for number in sheet.distinct(column, table.rows[:300]).values())


def _settle_roles(sheet: Sheet, table: ListTable) -> None:
    """Of two columns that name job functions, the one of codes is their key."""
    columns = [column for column, what in table.fields.items() if what in ("role", "user_group")]
    if table.has(*PERSON_FIELDS):
        return
    if len(columns) == 1 and not table.has(*ITEM_FIELDS):
        columns += _names_beside(sheet, table)
    if len(columns) != 2:
        return
    for column in columns:
        kinds = Counter(sheet.kinds.at(row, column) for row in table.rows[:300])
        total = sum(kinds.values()) - kinds[EMPTY]
        coded = kinds[ITEM_CODE] + kinds[IDENT] + kinds[NUMBER] + kinds[CODE] + kinds[SMALL]
        if total and coded > 0.6 * total:
            table.fields[column] = "role_code"
            table.fields[next(other for other in columns if other != column)] = "role"
            return


def _names_beside(sheet: Sheet, table: ListTable) -> list[int]:
    """A column of distinct texts without a telling header, which can only be the names of what the list numbers."""
    found = []
    for column, what in table.fields.items():
        if what in ("?", "category"):
            texts = sheet.distinct(column, table.rows)
            named = sum(sheet.kinds.at(row, column) in (LABEL, NAME) for row in table.rows)
            if len(texts) == len(table.rows) == named:
                found.append(column)
    return found[:1]


def _settle_spans(sheet: Sheet, table: ListTable) -> None:
    """Of two columns of days, the first named or found a day and the second nameless: a span of days counts on its
    last one; a day long after it is when the training lapses."""
    second = next((c for c, what in table.fields.items() if what == "?" and _days_only(sheet, table, c)), None)
    first = table.first("date")
    if second is None or first is None or second < first or table.has("expiry"):
        return
    gaps = []
    for row in table.rows[:200]:
        days = [sheet.grid.value(row, column) for column in (first, second)]
        read = [d if isinstance(d, date) else read_day(as_text(d), sheet.vocabulary) for d in days]
        if read[0] and read[1]:
            gaps.append((_plain(read[1]) - _plain(read[0])).days)
    gaps.sort()
    if not gaps or gaps[0] < 0:
        return
    if gaps[len(gaps) // 2] <= 62:
        table.fields[first], table.fields[second] = "hire_date", "date"
    else:
        table.fields[second] = "expiry"


def _days_only(sheet: Sheet, table: ListTable, column: int) -> bool:
    kinds = Counter(sheet.kinds.at(row, column) for row in table.rows[:300])
    total = sum(kinds.values()) - kinds[EMPTY]
    return bool(total) and kinds[DATE] + kinds[DATE_TEXT] >= 0.8 * total


def read_day(text: str, vocabulary: Vocabulary) -> date | None:
    """The day that a text names; ``None`` when it is no date."""
    read = read_date(text, vocabulary)
    return read.day if read else None


def _plain(day: date) -> date:
    return day.date() if isinstance(day, datetime) else day


def _settle_curricula(sheet: Sheet, table: ListTable) -> None:
    """Of two columns of items, one that names the same thing in many rows is a curriculum: it groups the other."""
    columns = [column for column, what in table.fields.items() if what == "item"]
    coded = [column for column, what in table.fields.items() if what == "item_code"]
    columns = coded if len(coded) == 2 and not columns else columns
    titled = [column for column, what in table.fields.items() if what == "item_title"]
    if len(columns) == len(coded) == len(titled) == 1 and not table.has(*PERSON_FIELDS, "role", "user_group"):
        if len(sheet.distinct(columns[0], table.rows)) < len(sheet.distinct(coded[0], table.rows)):
            table.fields[columns[0]] = "user_group"
        return
    if len(columns) < 2 or table.has(*PERSON_FIELDS, "role", "user_group"):
        return
    distinct = {column: len(sheet.distinct(column, table.rows)) for column in columns}
    fewest = min(columns, key=lambda column: distinct[column])
    if distinct[fewest] < max(distinct.values()):
        table.fields[fewest] = "user_group"


def _generic_name(sheet: Sheet, table: ListTable, column: int) -> bool:
    return table.header is not None and normal(sheet.text(table.header, column)) in (
        "name",
        "nome",
        "nombre",
        "nom",
        "names",
    )


def _roles_or_all(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether a column that could name people names job functions, or "all staff"."""
    texts = [text for row in table.rows[:100] if (text := sheet.text(row, column))]
    role = sum(sheet.vocabulary.has_word("role", t) or sheet.vocabulary.is_word("everyone", t) for t in texts)
    names = sum(sheet.kinds.at(row, column) == NAME for row in table.rows[:100])
    return role > 0.6 * len(texts) and names < 0.2 * len(texts)


def _lettered(sheet: Sheet, table: ListTable, column: int) -> bool:
    texts = [sheet.text(row, column) for row in table.rows[:100]]
    return sum(any(c.isalpha() for c in text) for text in texts) > 0.5 * len(texts)


def _roles(sheet: Sheet, table: ListTable, column: int) -> bool:
    texts = [text for row in table.rows[:100] if (text := sheet.text(row, column))]
    role = sum(sheet.vocabulary.has_word("role", text) for text in texts)
    item = sum(sheet.vocabulary.has_word("item", text) for text in texts)
    return role > max(item, 0.5 * len(texts)) and (not table.has("item_code", "item") or table.has(*PERSON_FIELDS))


def _items(sheet: Sheet, table: ListTable, column: int) -> bool:
    texts = [sheet.text(row, column) for row in table.rows[:100]]
    item = sum(sheet.vocabulary.has_word("item", text) for text in texts)
    role = sum(sheet.vocabulary.has_word("role", text) for text in texts)
    return item > role and item > 0.25 * len(texts)
