"""The lines of a matrix (its rows and its columns) with their labels, codes, groups and metadata."""

from dataclasses import dataclass, field
from typing import Any

from app.domain.importing.bodies import Body
from app.domain.importing.columns import dated
from app.domain.importing.headers import HeaderZone, line_value
from app.domain.importing.labels import Label, split_key, split_label
from app.domain.importing.lexis import IDENT, ITEM_CODE, LABEL, NAME, SENTENCE
from app.domain.importing.measures import behind_title
from app.domain.importing.raci import in_letters
from app.domain.importing.reading import Item, Subject
from app.domain.importing.sheet import Sheet
from app.domain.importing.subheadings import sub_field
from app.domain.importing.tables import Table
from app.domain.importing.totals import numeric_share
from app.domain.importing.vocabulary import Vocabulary, normal

# Sub-headings under one item whose cells say nothing about being trained.
SILENT_SUBS = frozenset(
    {"trainer", "comment", "signature", "sequence", "total", "version", "hours", "validity", "target_level"}
)


@dataclass(slots=True)
class Line:
    """One row or column: its label texts, its group, what stands beside it in metadata rows or columns."""

    index: int
    text: str
    second: str = ""
    group: str = ""
    sub: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    parent: int | None = None


def column_lines(sheet: Sheet, table: Table, zone: HeaderZone, body: Body, header: int | None = None) -> list[Line]:
    """The columns of the body as lines, labelled by all label rows together."""
    rows = [row for row in zone.labels if row != zone.sub_row and row not in zone.group_rows]
    if header is not None:
        rows = [header]
    main = _main_row(sheet, rows, table, header)
    if len(rows) > 1 and header is None and in_letters(sheet, table, body.rows):
        main = _functions_row(sheet, rows, table, main)
    lines = []
    for column in table.columns:
        line = Line(column, _label(sheet, main, column, zone))
        others = [_label(sheet, row, column, zone) for row in rows if row != main]
        line.second = next((text for text in others if text and normal(text) != normal(line.text)), "")
        line.group = " / ".join(
            dict.fromkeys(filter(None, (_group(sheet, row, column, table) for row in sorted(zone.group_rows))))
        )
        lines.append(line)
    _add_metadata(sheet, zone, body, lines)
    _take_measures(sheet.vocabulary, lines)
    if zone.sub_row is not None:
        _add_subs(sheet, zone, lines)
    return lines


def _take_measures(vocabulary: Vocabulary, lines: list[Line]) -> None:
    """Hours and validity in brackets behind the titles belong to the items and are no part of their titles."""
    for line in lines:
        found = behind_title(line.text, vocabulary)
        if found:
            line.text, measure = found
            if measure.months is not None and measure.hours is None:
                line.meta.setdefault("validity", measure.months)
            else:
                line.meta.setdefault("hours", measure.hours)


def _label(sheet: Sheet, row: int, column: int, zone: HeaderZone) -> str:
    if zone.sub_row is not None and row < zone.sub_row:
        return _filled_right(sheet, row, column)
    return sheet.spread(row, column)


def _main_row(sheet: Sheet, rows: list[int], table: Table, header: int | None) -> int:
    """The label row with the titles: distinct labels, and words rather than codes."""
    if header is not None:
        return header

    def worth(row: int) -> float:
        texts = [normal(sheet.spread(row, c)) for c in table.columns]
        filled = [text for text in texts if text]
        words = sum(sheet.kinds.at(row, c) in (LABEL, NAME, SENTENCE) for c in table.columns)
        share = len(table.columns) or 1
        return len(set(filled)) / share + 0.3 * words / share + 0.001 * row / max(1, sheet.height)

    return max(rows, key=worth) if rows else table.header


def _functions_row(sheet: Sheet, rows: list[int], table: Table, main: int) -> int:
    """In a responsibility chart, the row with the job functions rather than the one with their holders."""
    if not any(sheet.kinds.at(main, c) == NAME for c in table.columns):
        return main
    worded = {row: sum(sheet.vocabulary.has_word("role", sheet.spread(row, c)) for c in table.columns) for row in rows}
    best = max(rows, key=lambda row: worded[row])
    return best if worded[best] >= 0.5 * len(table.columns) else main


def _filled_right(sheet: Sheet, row: int, column: int) -> str:
    for left in range(column, -1, -1):
        text = sheet.spread(row, left)
        if text:
            return text
    return ""


def _group(sheet: Sheet, row: int, column: int, table: Table) -> str:
    """The group heading over a column; without merges, a heading holds until the next one."""
    text = sheet.spread(row, column)
    if text or any(sheet.merged(row, c) for c in table.columns):
        return text
    for left in range(column, table.columns[0] - 1, -1):
        if sheet.text(row, left):
            return sheet.text(row, left)
    return ""


def _add_metadata(sheet: Sheet, zone: HeaderZone, body: Body, lines: list[Line]) -> None:
    for row, what in [*zone.meta.items(), *body.foot.items()]:
        if what in ("sequence", "total", "end", "note", "sample", "other"):
            continue
        unit = " ".join(sheet.text(row, c) for c in range(lines[0].index) if sheet.text(row, c)) if lines else ""
        for line in lines:
            value = line_value(sheet, what, _spread_value(sheet, row, line.index), unit)
            if value is not None and what not in line.meta:
                line.meta[what] = value


def _spread_value(sheet: Sheet, row: int, column: int) -> Any:
    span = sheet.merged(row, column)
    return sheet.grid.value(span.top, span.left) if span else sheet.grid.value(row, column)


def _add_subs(sheet: Sheet, zone: HeaderZone, lines: list[Line]) -> None:
    """Tie every column to the first column of its item and name its sub-heading."""
    parent: int | None = None
    previous = None
    seen: set[str] = set()
    for line in lines:
        sub = sheet.text(zone.sub_row or 0, line.index)
        if line.text != previous or normal(sub) in seen:
            parent, previous, seen = line.index, line.text, set()
        seen.add(normal(sub))
        line.parent, line.sub = parent, sub_field(sheet.vocabulary, sub)
        if line.sub in SILENT_SUBS and dated(sheet, line.index, zone.first_data - 1):
            until = line.sub == "validity" and not sheet.vocabulary.has_word("refresher", sub)
            line.sub = "expiry" if until else "date"
    _settle_differences(sheet, zone, lines)
    _settle_targets(sheet, zone, lines)


def _settle_differences(sheet: Sheet, zone: HeaderZone, lines: list[Line]) -> None:
    """The third of three numbers under every heading that is always the difference of the others says nothing new."""
    of_item: dict[int, list[Line]] = {}
    for line in lines:
        of_item.setdefault(line.parent if line.parent is not None else line.index, []).append(line)
    rows = range(zone.first_data, min(sheet.height, zone.first_data + 60))
    for group in of_item.values():
        if len(group) != 3:
            continue
        values = [[sheet.grid.value(row, line.index) for line in group] for row in rows]
        plain = [cells for cells in values if all(isinstance(cell, int | float) for cell in cells)]
        if len(plain) > 2 and all(abs(abs(a - b) - abs(c)) < 0.01 for a, b, c in plain):
            group[2].sub = "total"


def _settle_targets(sheet: Sheet, zone: HeaderZone, lines: list[Line]) -> None:
    """Numbers under "Required" or "Target" beside other numbers of the same item are levels to reach, not marks."""
    numeric = {
        line.index: numeric_share(sheet.kinds.column(line.index, zone.first_data, zone.first_data + 200)) >= 0.8
        for line in lines
    }
    for line in lines:
        beside = [other for other in lines if other.parent == line.parent and other is not line]
        reached = any(numeric[other.index] and other.sub not in SILENT_SUBS for other in beside)
        if line.sub in ("required", "planned") and numeric[line.index] and reached:
            line.sub = "target_level"


def row_lines(sheet: Sheet, table: Table, body: Body) -> list[Line]:
    """The rows of the body as lines, with what the columns beside the matrix say about them."""
    groups = _fill_down_columns(sheet, table, body)
    fields = {column: _own_field(sheet, table, body, column, groups) for column in table.fields}
    divider = _divider(sheet, table, body)
    starts: dict[int, int] = {}
    section = ""
    sections = sorted(body.sections.items())
    position = 0
    lines = []
    previous: dict[int, str] = {}
    for row in body.rows:
        while position < len(sections) and sections[position][0] < row:
            section, position = sections[position][1], position + 1
        line = Line(row, body.keys[row], group=section)
        span = sheet.merged(row, table.key or 0)
        if span and span.bottom > span.top:
            line.parent = starts.setdefault(span.top, row)
        if divider is not None:
            line.sub = sub_field(sheet.vocabulary, sheet.text(row, divider))
        for column, what in fields.items():
            if column == table.key or what in ("total", "sequence", "comment"):
                continue
            text = sheet.spread(row, column) or (previous.get(column, "") if column in groups else "")
            previous[column] = text
            value = line_value(sheet, what, _spread_value(sheet, row, column), sheet.text(table.header, column))
            if what in ("hours", "validity"):
                if value is not None:
                    line.meta[what] = value
            elif text and what == "last_name" and what in line.meta:
                line.meta[what] += f" {text}"  # two surnames
            elif text:
                line.meta.setdefault(what, text)
        lines.append(line)
    _take_measures(sheet.vocabulary, lines)
    return lines


def _divider(sheet: Sheet, table: Table, body: Body) -> int | None:
    """The column that tells the rows of one key apart, such as "Trained" above "Due"."""
    if not any((span := sheet.merged(row, table.key or 0)) and span.bottom > span.top for row in body.rows[:60]):
        return None
    for column in range(table.columns[0]):
        texts = sheet.distinct(column, body.rows)
        subs = [sub_field(sheet.vocabulary, text) for text in texts]
        if column != table.key and 2 <= len(texts) <= 3 and all(subs) and min(texts.values()) >= 0.2 * len(body.rows):
            return column
    return None


def _own_field(sheet: Sheet, table: Table, body: Body, column: int, groups: set[int]) -> str:
    """What a column beside the matrix states; one that is named like the keys but repeats its values groups them."""
    what = table.fields[column]
    if what not in ("item", "item_title", "role", "user_group") or column == table.key:
        return what
    texts = sheet.distinct(column, body.rows)
    kinds = [sheet.kinds.at(row, column) for row in body.rows]
    coded = kinds.count(ITEM_CODE) + kinds.count(IDENT)
    if what in ("role", "user_group"):
        alone = coded >= 0.8 * len(kinds) and len(texts) >= 0.95 * len(kinds)
        return "item_code" if alone else what
    return "category" if column in groups or len(texts) < 0.95 * sum(texts.values()) else what


def _fill_down_columns(sheet: Sheet, table: Table, body: Body) -> set[int]:
    """Columns at the left that are filled only where a group begins."""
    sparse = set()
    for column in table.fields:
        if column >= (table.key if table.key is not None else 0):
            continue
        filled = [row for row in body.rows if sheet.text(row, column)]
        if body.rows and filled and len(filled) < 0.6 * len(body.rows) and filled[0] == body.rows[0]:
            sparse.add(column)
    return sparse


def make_items(lines: list[Line]) -> tuple[list[Item], dict[int, int]]:
    """Items of lines, and which item each line belongs to. Columns under one heading share an item."""
    items: list[Item] = []
    of_line: dict[int, int] = {}
    coded = _second_is_code(lines)
    for line in lines:
        if line.parent is not None and line.parent != line.index and line.parent in of_line:
            of_line[line.index] = of_line[line.parent]
            continue
        of_line[line.index] = len(items)
        items.append(_item(line, coded))
    return items, of_line


def _second_is_code(lines: list[Line]) -> bool:
    pairs = [line for line in lines if line.second]
    return bool(pairs) and sum(split_label(line.second).title is None for line in pairs) >= 0.5 * len(pairs)


def _item(line: Line, second_is_code: bool) -> Item:
    label = split_label(line.text)
    if line.second:
        label = _joined(line.text, line.second, second_is_code)
    code = line.meta.get("item_code") or label.code
    beside = str(line.meta.get("item") or "")
    if not code and beside and split_label(beside).title is None:
        code = beside
    title = line.meta.get("item_title") or (beside if beside != code else None) or label.title
    if line.meta.get("item_code") and label.code and label.title is None and not line.meta.get("item_title"):
        title = title or (label.code if label.code != code else None)
    if (
        code is not None
        and code == line.meta.get("item_code")
        and label.code
        and label.title
        and normal(label.code) != normal(code)
    ):
        title = line.text
    item = Item(code, title, line.index, line.meta.get("hours"), line.meta.get("validity"))
    version = line.meta.get("version") or label.version
    item.version = str(version) if version is not None else None
    item.group = line.group or line.meta.get("category") or None
    item.details = {
        name: str(value) for name, value in line.meta.items() if name in ("category", "department", "days", "effective")
    }
    return item


def _joined(text: str, second: str, second_is_code: bool) -> Label:
    label, other = split_label(text), split_label(second)
    if second_is_code and other.title is None:
        return Label(
            other.code,
            text if label.code is None or label.title is None else label.title,
            label.version or other.version,
        )
    if label.title is None and label.code:
        return Label(label.code, second, label.version or other.version)
    return label


def make_subjects(lines: list[Line], person: bool) -> tuple[list[Subject], dict[int, int]]:
    """People or job functions of lines, and which one each line belongs to."""
    subjects: list[Subject] = []
    of_line: dict[int, int] = {}
    labels = [split_key(line.text) for line in lines]
    if 2 * sum(label.code is not None for label in labels) <= len(labels):  # "Client team (W365)" among plain names
        labels = [Label(None, line.text) for line in lines]
    for line, label in zip(lines, labels, strict=True):
        if line.parent is not None and line.parent != line.index and line.parent in of_line:
            of_line[line.index] = of_line[line.parent]
            continue
        of_line[line.index] = len(subjects)
        name = label.title or line.text
        if not person and line.meta.get("item_title") and " " not in line.text and len(line.text) <= 8:
            name = str(line.meta["item_title"])
        first, last = line.meta.get("first_name"), line.meta.get("last_name")
        if person and (first or last):
            name = f"{first} {name}" if first else f"{name} {last}"
        number = line.meta.get("employee_no") if person else None
        number = number or line.meta.get("item_code")
        if not number and line.second and split_label(line.second).title is None:
            number = line.second
        key = number or label.code or line.meta.get("login") or (name if first or last else line.text)
        details = {k: str(v) for k, v in line.meta.items() if k not in ("first_name", "last_name")}
        if line.group:
            details.setdefault("group", line.group)
        if (
            line.meta.get("person")
            and person
            and line.text.replace(" ", "").isalnum()
            and any(c.isdigit() for c in line.text)
        ):
            name, key = line.meta["person"], line.text
        subjects.append(Subject(str(key), str(name), line.index, details))
    return subjects, of_line
