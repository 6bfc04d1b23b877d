"""Sheets that look like a matrix and are none: schedules, skill by skill, ladders of sentences, empty forms,
fragments."""

import re
from collections import Counter

from app.domain.importing.bodies import Body
from app.domain.importing.headers import HeaderZone
from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMPTY,
    LABEL,
    LIST,
    MARK,
    NAME,
    SENTENCE,
    SERIAL,
    SMALL,
    STATUS,
)
from app.domain.importing.lines import Line
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table
from app.domain.importing.vocabulary import Vocabulary, normal, words_of
from app.domain.text import Phrase

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ALIKE = (DATE, DATE_TEXT, SERIAL, CODE, SMALL)


def refuse(
    sheet: Sheet, table: Table, zone: HeaderZone, body: Body, columns: list[Line], rows: list[Line]
) -> Phrase | None:
    """Why the table is no training matrix, in a sentence; ``None`` when nothing speaks against it."""
    vocabulary = sheet.vocabulary
    labels = [line.text for line in columns]
    asked = [line.text for line in rows if line.text.endswith(("?", "？", "؟"))]
    if len(asked) >= 3 and len(asked) * 2 > len(rows):
        return Phrase(
            "The rows are questions: an evaluation or a test, not a matrix of who needs or has which training."
        )
    if risk := _risk(sheet, zone):
        return risk
    if calendar := calendar_share(sheet, labels, table) or _calendar_rows(sheet, table, zone):
        return Phrase(
            "The columns are %(times)s: this is a schedule, not a matrix of who needs or has which training.",
            times=calendar,
        )
    if months := calendar_words([line.text for line in rows], vocabulary):
        return Phrase(
            "The rows are %(times)s: this is a schedule, not a matrix of who needs or has which training.", times=months
        )
    same = {normal(t) for t in labels} & {normal(line.text) for line in rows}
    if len(same) >= 0.6 * min(len(labels), max(1, len(rows))) and len(same) >= 3:
        return Phrase(
            "Rows and columns name the same things: skills compared with each other, without people or job functions."
        )
    if table.key is None or not rows:
        return _no_rows(sheet, table, zone, body)
    if len(labels) <= 2:
        return _narrow(sheet, table, [line.text for line in rows])
    return None


def _narrow(sheet: Sheet, table: Table, rows: list[str]) -> Phrase | None:
    """Why one or two columns are no matrix: a form with its entries, or lists of choices side by side."""
    vocabulary = sheet.vocabulary
    asked = [text for text in rows if vocabulary.starts_word("title", text) or vocabulary.field_names(text)]
    all_over = [text for row in range(min(60, sheet.height)) if (text := sheet.text(row, table.key or 0))]
    titles = sum(vocabulary.is_word("title", text.rstrip(" .:")) for text in all_over)
    if len(asked) * 2 > len(rows) or (titles >= 3 and titles * 3 >= len(all_over)):
        return Phrase("The rows are entries of a form, such as revision, date, approval: a title page.")
    lists = side_by_side(sheet)
    if lists and table.header == lists[0]:
        return Phrase(
            "%(number)s lists of choices stand side by side; nothing relates what is in one row.", number=lists[1]
        )
    return None


def side_by_side(sheet: Sheet) -> tuple[int, int] | None:
    """The header row and the number of lists of choices that stand side by side: each filled from the top without gaps
    and without repeating itself, to different lengths, the first no longer than others."""
    for row in range(min(5, sheet.height)):
        columns = sheet.filled(row)
        if len(columns) < 2:
            continue
        lengths = []
        for column in columns:
            codes = [line[column] for line in sheet.grid.rows[row + 1 :]]
            length = len(codes) - codes.count(0)
            if not length or not all(codes[:length]) or len(set(codes[:length])) < length:
                return None
            if any(sheet.kinds.of_code[code] in (DATE, DATE_TEXT, SERIAL) for code in codes[:length]):
                return None
            lengths.append(length)
        if lengths[0] < max(lengths) or len(set(lengths)) > 2:
            return row, len(columns)
        return None
    return None


def _no_rows(sheet: Sheet, table: Table, zone: HeaderZone, body: Body) -> Phrase:
    if body.odd:
        return Phrase("The cells have no row names: the column that says who they belong to is cut off.")
    return Phrase("There are column names but no rows below them.")


def calendar_share(sheet: Sheet, labels: list[str], table: Table) -> Phrase | None:
    """Whether column labels count time: months, weeks, dates, days of a month."""
    words = calendar_words(labels, sheet.vocabulary)
    if words:
        return words
    kinds = Counter(sheet.kinds.at(table.header, c) for c in table.columns)
    dates = kinds[DATE] + kinds[DATE_TEXT] + kinds[SERIAL]
    if dates >= 0.7 * len(table.columns) and len(table.columns) >= 3:
        return Phrase("dates")
    across = [sheet.text(table.header, c) for c in sheet.filled(table.header) if c > (table.key or 0)]
    whole = [int(text) for text in across if text.isdigit()]
    if len(whole) in (28, 29, 30, 31) and whole == list(range(1, len(whole) + 1)) and _calendar_above(sheet, table):
        return Phrase("days")
    numbers = [int(text) for text in labels if text.isdigit()]
    rising = len(numbers) >= 0.8 * len(labels) and len(numbers) >= 5 and numbers == sorted(set(numbers))
    if rising and numbers[0] >= 1 and numbers[-1] <= 31 and _rostered(sheet, table):
        return Phrase("days")
    counted = len(numbers) >= 0.9 * len(labels) and numbers == list(range(1, len(numbers) + 1))
    if counted and len(numbers) in (28, 29, 30, 31, 52, 53, 12) and _calendar_above(sheet, table):
        return Phrase("days or weeks")
    return None


def _calendar_rows(sheet: Sheet, table: Table, zone: HeaderZone) -> Phrase | None:
    """Whether any row of labels counts time over most columns that name no other thing, such as a status or an end."""
    for row in {*zone.labels, table.header, table.header - 1} - {-1}:
        named = {c: sheet.text(row, c) for c in sheet.filled(row) if c > (table.key or 0)}
        times = [text for text in named.values() if not sheet.vocabulary.field_names(text)]
        if len(times) >= 0.6 * len(named) and (found := calendar_words(times, sheet.vocabulary)):
            return found
    return None


def _rostered(sheet: Sheet, table: Table) -> bool:
    """Whether the sheet calls itself a roster or a list of presence."""
    texts = [sheet.text(row, c) for row in range(max(0, table.header - 4), table.header) for c in sheet.filled(row)]
    return any(sheet.vocabulary.has_word("roster", text) for text in [sheet.grid.name, *texts])


def _risk(sheet: Sheet, zone: HeaderZone) -> Phrase | None:
    """A matrix of risks: how likely by how severe."""
    texts = [
        sheet.text(row, c) for row in range(max(0, zone.labels[0] - 3), zone.first_data) for c in sheet.filled(row)
    ]
    texts += [sheet.text(row, 0) for row in range(zone.first_data, min(sheet.height, zone.first_data + 10))]
    known = sheet.vocabulary.words.get("risk", frozenset())
    if len({word for text in texts if len(text) < 60 for word in words_of(text) if word in known}) >= 2:
        return Phrase("The axes are likelihood and severity: a matrix of risks, without people or job functions.")
    return None


def lone_numbers(details: Counter[str], evidence: float, person: bool) -> Phrase | None:
    """Numbers that say nothing about training, in a table whose axes name neither people nor job functions."""
    if not person and details["score"] >= 0.5 * sum(details.values()):
        return Phrase(
            "The cells are amounts beside job functions or departments: counts, not statements about training."
        )
    if details["amount"] >= 0.4 * sum(details.values()) - details["amount"]:
        return Phrase("The cells are amounts, such as hours or prices, not statements about training.")
    numbers = details["score"] + details["unknown"]
    if evidence < 0.25 and numbers >= 0.5 * sum(details.values()):
        return Phrase(
            "No axis names people or job functions, and the cells hold numbers that are neither levels nor dates."
        )
    return None


def plain_list(sheet: Sheet, table: Table, body: Body, evidence: float) -> Phrase | None:
    """A list whose few last columns have nothing in common: a register, a plan of sessions, a table of prices."""
    known = [field for field in table.fields.values() if field != "total"]
    if len(table.columns) > 3 or len(known) < 3 or len(table.columns) < 2:
        return None
    rows = body.rows[:60]
    texts = [set(sheet.distinct(column, rows)) for column in table.columns]
    kinds = [Counter(kind for row in rows if (kind := sheet.kinds.at(row, c)) != EMPTY) for c in table.columns]
    chief = [counter.most_common(1)[0][0] if counter else EMPTY for counter in kinds]
    alike = any(
        texts[a] & texts[b] or (chief[a] == chief[b] and chief[a] in _ALIKE)
        for a in range(len(texts))
        for b in range(a)
    )
    dates = sum(kind in (DATE, DATE_TEXT, SERIAL) for kind in chief) > 0.5 * len(chief)
    if evidence < 0.25 and dates:
        return Phrase("The columns describe what the rows name: a list with days, without people or job functions.")
    if alike or MARK in chief or STATUS in chief:
        return None
    return Phrase("The columns describe what the rows name and have nothing in common: a plain list.")


def _calendar_above(sheet: Sheet, table: Table) -> bool:
    for row in range(max(0, table.header - 4), table.header):
        for column in sheet.filled(row):
            text = sheet.text(row, column)
            words = words_of(text)
            if re.search(r"\d\s?[月월]", text):
                return True
            if sheet.vocabulary.has_word("calendar", text) or sheet.vocabulary.has_word("schedule", text):
                return True
            if any(word in sheet.vocabulary.months for word in words):
                return True
    return False


def calendar_words(labels: list[str], vocabulary: Vocabulary) -> Phrase | None:
    """``months``, ``weeks`` … when most of these labels are names of times."""
    filled = [normal(label) for label in labels if label]
    if len(filled) < 3:
        return None
    months = sum(_is_month(text, vocabulary) for text in filled)
    if months >= 0.6 * len(filled) and months >= 3:
        return Phrase("months")
    weeks = sum(_is_week(text, vocabulary) for text in filled)
    if weeks >= 0.7 * len(filled):
        return Phrase("weeks or days")
    return None


def _is_month(text: str, vocabulary: Vocabulary) -> bool:
    if text in vocabulary.months:
        return True
    words = words_of(text)
    return 1 < len(words) <= 2 and words[0] in vocabulary.months and words[1].lstrip("'").isdigit()


def _is_week(text: str, vocabulary: Vocabulary) -> bool:
    words = words_of(text)
    calendar = vocabulary.words.get("calendar", frozenset())
    if len(words) == 1:
        head = words[0].rstrip("0123456789")
        return words[0] in calendar or (head in ("w", "wk", "kw", "q", "s", "cw", "week") and head != words[0])
    return len(words) == 2 and words[0] in calendar and words[1].isdigit()


def ladder(sheet: Sheet) -> Phrase | None:
    """A table of sentences: what each level of competence means, with nobody in it."""
    kinds = sheet.kinds.flat
    filled = len(kinds) - kinds.count(EMPTY)
    sentences = kinds.count(SENTENCE)
    long_labels = sum(
        sheet.kinds.counts[code]
        for code, value in enumerate(sheet.grid.values)
        if isinstance(value, str) and len(value) > 45 and sheet.kinds.of_code[code] in (LABEL, LIST, SENTENCE, NAME)
    )
    if filled and (sentences + long_labels) >= 0.3 * filled and long_labels >= 4:
        return Phrase("Most cells hold sentences: a description of what is expected, not a record of who is trained.")
    return None


_DESCRIBING = {"level", "target_level", "required", "status", "date", "expiry", "hours", "validity", "score", "comment"}
_DESCRIBING |= {"category", "version", "effective", "days", "sequence", "grade", "trainer", "item_code"}


def register(sheet: Sheet, table: Table, columns: list[Line]) -> Phrase | None:
    """Items in the rows, and columns that only describe them: expected levels, years of use, gaps, priorities."""
    vocabulary = sheet.vocabulary
    if table.key is None or not 1 < len(columns) <= 8:
        return None
    beside = [sheet.text(table.header, column) for column in (table.key, *table.fields)]
    if not any(vocabulary.names_field(text, "item", "item_title") for text in beside):
        return None
    if any(vocabulary.names_field(text, "person", "employee_no", "role", "user_group") for text in beside):
        return None
    told = sum(_describes(line.text, vocabulary) for line in columns)
    if told < 0.6 * len(columns):
        return None
    return Phrase("The columns describe what the rows name: a register of skills or courses, with nobody in it.")


def _describes(heading: str, vocabulary: Vocabulary) -> bool:
    words = [word for word in words_of(_CAMEL.sub(" ", heading)) if len(word) > 1]
    named = [word for word in words if not vocabulary.fields.get(word, frozenset()).isdisjoint(_DESCRIBING)]
    named += [word for word in words if word in vocabulary.units or word in ("first", "last", "flag", "gap")]
    return len(words) >= 2 and bool(named)


_OF_PEOPLE = ("role", "supervisor", "trainer", "contract", "department", "shift", "site", "hire_date", "grade", "email")


def roster(columns: list[Line], vocabulary: Vocabulary) -> Phrase | None:
    """People in the rows, and columns that only say who they are: function, team, supervisor, state of employment."""
    for line in columns:
        words = words_of(_CAMEL.sub(" ", line.text))
        items = any(vocabulary.has_word("item", word) or vocabulary.exact_field(word, "item") for word in words)
        if items or not any(vocabulary.exact_field(word, *_OF_PEOPLE) for word in words):
            return None
    if not columns:
        return None
    return Phrase("The columns only say who the people are: a list of people, without their training.")
