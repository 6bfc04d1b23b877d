"""Sorts the rows under a header: data, sections, repeated headers, placeholders, metadata at the foot, footers."""

from collections import Counter

from app.domain.importing.bodies import Body
from app.domain.importing.columns import SENTINELS
from app.domain.importing.headers import NUMERIC, HeaderZone, meta_field
from app.domain.importing.legendrows import LegendRows, other_kind
from app.domain.importing.lexis import (
    CELLISH,
    CODE,
    EMPTY,
    ERROR,
    IDENT,
    ITEM_CODE,
    LABEL,
    LABELISH,
    MARK,
    MEASURE,
    NAME,
    NUMBER,
    SENTENCE,
    SMALL,
    STATUS,
)
from app.domain.importing.sections import heads_the_rest, vacant
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table
from app.domain.importing.vocabulary import normal


class RowSorter:
    """Walks down a table once and remembers what it saw. Use :func:`sort_rows`."""

    def __init__(self, sheet: Sheet, table: Table, zone: HeaderZone) -> None:
        self.sheet, self.table, self.zone = sheet, table, zone
        self.body = Body()
        self.legend_rows = LegendRows(sheet, table, self.body)
        self.columns = table.columns
        self.width = table.columns[-1] - table.columns[0] + 1
        self.contiguous = self.width == len(table.columns)
        self.header = [normal(sheet.text(zone.labels[-1], c)) for c in table.columns]
        self.key_kinds = self._key_kinds()
        self.others = [
            c for c in table.fields if c != table.key and table.fields[c] not in ("sequence", "total", "comment")
        ]
        self.gap = 0
        self.over = False
        self.seen = self.numbers = 0  # cells, and small or plain numbers among them, in the first rows of data
        filled = (row for row in range(sheet.height - 1, 0, -1) if self._cells(sheet.kinds.row(row)))
        self.last_cells = next(filled, 0)
        self.headed: bool | None = None  # whether rows without cells head the others; judged once

    def _key_kinds(self) -> Counter[int]:
        key = self.table.key
        if key is None:
            return Counter()
        return Counter(kind for kind in self.sheet.kinds.column(key, self.zone.first_data) if kind != EMPTY)

    def run(self) -> Body:
        """Sort every row from the first row of data to the end of the sheet."""
        for row in range(self.zone.first_data, self.sheet.height):
            kinds = self.sheet.kinds.row(row)
            if not any(kinds):
                self.gap += 1
                continue
            self._sort(row, kinds)
        return self.body

    def _sort(self, row: int, kinds: bytes) -> None:
        key = self._key_text(row)
        cells = self._cells(kinds)
        repeated = self._repeated_header(row, cells)
        if repeated:
            self.body.repeats.append(row)
            if repeated == "other":
                self.body.segments.append(row)
            self.over = False
        elif (self._paused(key) and self._ends(row, key, kinds)) or self.legend_rows.found(row, self.gap, self.over):
            self.over = True
        elif foot := self._foot(row, key, kinds):
            self.body.foot[row] = foot
        elif self._placeholder(row, key, cells):
            self.body.placeholders += 1
        elif not cells and (self._section(row, key, kinds) or self._heads_a_part(row)):
            self.body.sections[row] = key or self._first_text(row)
        elif key:
            self._take(row, key)
        elif cells:
            self.body.odd.append(row)
        else:
            self.body.placeholders += 1
        self.gap = 0

    def _take(self, row: int, key: str) -> None:
        self.body.rows.append(row)
        self.body.keys[row] = key
        if len(self.body.rows) <= 60:
            part = self._part(self.sheet.kinds.row(row))
            self.seen += len(part) - part.count(EMPTY)
            self.numbers += part.count(SMALL) + part.count(NUMBER)

    def _cells(self, kinds: bytes) -> int:
        if self.contiguous:
            return self.width - kinds.count(EMPTY, self.columns[0], self.columns[0] + self.width)
        return sum(kinds[c] != EMPTY for c in self.columns)

    def _part(self, kinds: bytes) -> bytes:
        """The kinds of a row within the matrix."""
        if self.contiguous:
            return kinds[self.columns[0] : self.columns[0] + self.width]
        return bytes(kinds[c] for c in self.columns)

    def _key_text(self, row: int) -> str:
        if self.table.key is None:
            return ""
        span = self.sheet.merged(row, self.table.key)
        if span and span.right >= self.columns[0] and span.left <= self.table.key:
            return ""
        return self.sheet.spread(row, self.table.key)

    def _first_text(self, row: int) -> str:
        return next(
            (text for c, kind in enumerate(self.sheet.kinds.row(row)) if kind and (text := self.sheet.text(row, c))), ""
        )

    def _repeated_header(self, row: int, cells: int) -> str | None:
        """Whether a row is the header once more: ``same`` columns, or ``other`` columns under the same kind of key."""
        if cells < max(2, 0.5 * len(self.columns)):
            return None
        if self.sheet.kinds.row_classes(row).count(CELLISH) > 0.6 * (cells + 1) and not self._same_codes(row):
            return None
        texts = [normal(self.sheet.text(row, c)) for c in self.columns]
        same = sum(a == b and a != "" for a, b in zip(texts, self.header, strict=True))
        if same >= 0.6 * len(self.columns):
            return "same"
        classes = self.sheet.kinds.row_classes(row)
        labelish = sum(classes[c : c + 1] == LABELISH for c in self.columns)
        if len(self.columns) < 2 or not self._heads_keys(row):
            return None
        key = self.sheet.text(row, self.table.key or 0)
        again = any(normal(self.sheet.text(label, self.table.key or 0)) == normal(key) for label in self.zone.labels)
        return "other" if labelish >= (0.5 if again else 0.8) * cells else None

    def _heads_keys(self, row: int) -> bool:
        """Whether the cell in the key column names a column, by a known word or by the word of the first header."""
        key = self.table.key
        if key is None:
            return False
        text = self.sheet.text(row, key)
        first = {normal(self.sheet.text(label, key)) for label in self.zone.labels}
        return bool(self.sheet.vocabulary.field_names(text)) or (text != "" and normal(text) in first)

    def _heads_a_part(self, row: int) -> bool:
        """A text alone in its row, right above a repeated header, names the part of the sheet that begins there."""
        if len(self.sheet.filled(row)) > 2:
            return False
        following = next((r for r in range(row + 1, min(row + 4, self.sheet.height)) if self.sheet.filled(r)), None)
        return following is not None and bool(
            self._repeated_header(following, self._cells(self.sheet.kinds.row(following)))
        )

    def _same_codes(self, row: int) -> bool:
        """Whether many cells equal the header's, judged by their numbers in the grid; quick."""
        line, header = self.sheet.grid.rows[row], self.sheet.grid.rows[self.zone.labels[-1]]
        return sum(1 for c in self.columns if line[c] == header[c] and line[c]) >= 0.4 * len(self.columns)

    def _paused(self, key: str) -> bool:
        return self.over or self.gap > 1 or (self.gap == 1 and ":" in key)

    def _ends(self, row: int, key: str, kinds: bytes) -> bool:
        """After blank rows: whether this row is no longer data but a legend, a note or a signature block."""
        cells = self._cells(kinds)
        if not key:
            return True
        if self.over and self.table.key is not None and other_kind(self.sheet, self.table, self.body, row):
            return True
        if cells and not self._strange_key(row):
            return False
        if self.over and not self.gap and not cells and not any(kinds[c] != EMPTY for c in self.others):
            return True
        if not cells and self.table.key is not None and not self._strange_key(row):
            others = any(kinds[c] != EMPTY for c in self.others)
            return not others and (
                self.gap > 3 or self.sheet.kinds.at(row, self.table.key) != self.key_kinds.most_common(1)[0][0]
            )
        return True

    def _strange_key(self, row: int) -> bool:
        """A key of another kind than the keys have: a mark or a sentence among names."""
        if self.table.key is None:
            return True
        kind = self.sheet.kinds.at(row, self.table.key)
        common = self.key_kinds.most_common(1)
        if kind in (MARK, SENTENCE, STATUS, ERROR) and common and common[0][0] != kind:
            return self.key_kinds[kind] < 0.2 * sum(self.key_kinds.values())
        text = self.sheet.text(row, self.table.key)
        return (
            "=" in text or self.sheet.vocabulary.is_word("legend", text) or (kind == CODE and self.key_kinds[CODE] <= 4)
        )

    def _foot(self, row: int, key: str, kinds: bytes) -> str | None:
        """Rows that sum up or describe the columns: totals, hours, "Qualification expires", signatures, notes."""
        sheet, vocabulary = self.sheet, self.sheet.vocabulary
        first = self._first_text(row)
        if normal(first) in SENTINELS:
            return "end"
        label = key or first
        person_like = self.table.key is not None and sheet.kinds.at(row, self.table.key) == NAME
        meta = None if person_like else meta_field(sheet, self.table, row)
        if meta and (meta in NUMERIC or vocabulary.exact_field(label, meta)) and self._meta_values(row, meta, kinds):
            return meta
        late = row > self.zone.first_data + 2 or self.gap > 0
        if late and not person_like and vocabulary.is_word("footer", label.rstrip(":")):
            return "total"
        if self._sums_up(row, key, kinds) or (late and not self._cells(kinds) and self._names_total(label)):
            return "total"
        if self._signed(row, label, kinds):
            self.over = True
            return "note"
        kinds_above = [sheet.kinds.at(above, self.table.key or 0) for above in self.body.rows[-20:]]
        people = kinds_above.count(NAME) >= 0.6 * max(1, len(kinds_above)) and bool(kinds_above)
        if people and not person_like and (vocabulary.detail(label) or label.startswith("%")):
            return "total"
        if late and not person_like and ":" in label and vocabulary.starts_word("footer", label):
            return "note"
        alone = self.gap > 0 and row > self.last_cells and len(sheet.filled(row)) == 1
        if alone and people and not person_like and len(label.split()) > 3:
            return "note"
        return None

    def _names_total(self, label: str) -> bool:
        """Whether a label of at most three words begins with a word for a sum: "Total FTE"."""
        words = label.split()
        return len(words) <= 3 and self.sheet.vocabulary.exact_field(words[0], "total")

    def _sums_up(self, row: int, key: str, kinds: bytes) -> bool:
        """A row of counts or shares under cells that are no numbers: it sums up its columns, whatever it is called."""
        part = self._part(kinds)
        filled = len(part) - part.count(EMPTY)
        counts = part.count(SMALL) + part.count(NUMBER) + part.count(ERROR)
        if not filled or counts < 0.8 * filled or not self.body.rows or self.numbers >= 0.2 * self.seen:
            return False
        vocabulary, label = self.sheet.vocabulary, key or self._first_text(row)
        if vocabulary.starts_word("footer", label) or vocabulary.names_field(label, "total"):
            return True
        at_key = EMPTY if self.table.key is None else kinds[self.table.key]
        named = at_key in (NAME, IDENT, NUMBER, SMALL, ITEM_CODE) or any(kinds[c] != EMPTY for c in self.others)
        return filled > 1 and not named

    def _signed(self, row: int, label: str, kinds: bytes) -> bool:
        """After a blank row: words of a signature block ("Supervisor signature … Date") where the matrix has cells."""
        if not self.gap or not self.body.rows:
            return False
        words = self.sheet.vocabulary.has_word("footer", label)
        lines = any(not kind and self.sheet.text(row, c) for c, kind in enumerate(kinds))
        if not (words or lines):
            return False
        over = [c for c in self.columns if kinds[c] != EMPTY]
        classes = self.sheet.kinds.row_classes(row)
        return all(classes[c : c + 1] == LABELISH for c in over) and not any(
            kinds[c] != EMPTY and c > (self.table.key or 0) for c in self.others
        )

    def _meta_values(self, row: int, meta: str, kinds: bytes) -> bool:
        over = [kinds[c] for c in self.columns if kinds[c] != EMPTY]
        marks = sum(kind in (MARK, CODE) for kind in over)
        if meta in ("hours", "validity", "days", "total", "sequence", "target_level"):
            numbers = sum(kind in (MEASURE, NUMBER, SMALL, STATUS, ERROR, LABEL) for kind in over)
            return numbers >= 0.5 * len(over)
        return marks < 0.5 * max(1, len(over)) and bool(over)

    def _placeholder(self, row: int, key: str, cells: int) -> bool:
        if cells:
            return False
        if not key:
            return self.table.key is not None and self._only_numbers(row)
        people = self.key_kinds[NAME] > 0.5 * sum(self.key_kinds.values())
        return vacant(key, people, self.sheet.vocabulary) or (
            key.isdigit()
            and not self.key_kinds[IDENT] + self.key_kinds[NUMBER] + self.key_kinds[SMALL] > len(self.body.rows)
        )

    def _only_numbers(self, row: int) -> bool:
        return all(self.sheet.kinds.at(row, c) in (SMALL, NUMBER, ERROR, MARK) for c in self.sheet.filled(row))

    def _section(self, row: int, key: str, kinds: bytes) -> bool:
        """A heading inside the body: one text, alone in its row, across the table, or unlike the keys around it."""
        filled = self.sheet.filled(row)
        if len(filled) == 2 and filled[1] == self.table.key:
            return self._numbered_part(row, filled[0])
        if len(filled) > 1:
            return False
        span = self.sheet.merged(row, filled[0]) if filled else None
        if span and span.right > span.left and (span.right >= self.columns[0] or span.right - span.left >= 2):
            return True
        if self.table.key is None or not filled:
            return True
        if filled[0] != self.table.key:
            return filled[0] < self.columns[0]
        return self._unlike_keys(row, key)

    def _numbered_part(self, row: int, column: int) -> bool:
        """A number and a heading, where the rows that follow count on within it: 2, then 2.1."""
        number = self.sheet.text(row, column).rstrip(".")
        below = self.sheet.text(row + 1, column)
        return len(number) <= 4 and below.startswith(number + ".") and len(below) > len(number) + 1

    def _unlike_keys(self, row: int, key: str) -> bool:
        if ": " in key and self.sheet.vocabulary.field_names(key.partition(":")[0]):
            return True
        kind = self.sheet.kinds.at(row, self.table.key or 0)
        total = sum(self.key_kinds.values())
        if (self.key_kinds[NAME] > 0.6 * total and kind != NAME) or self._usually_described():
            return row < self.last_cells  # a heading heads something
        upper = key.isupper() and len(key) > 3
        if upper and not self._mostly_upper():
            return True
        following = self.sheet.kinds.row(row + 1) if row + 1 < self.sheet.height else b""
        if self._headed() and any(following):
            return True
        empty_share = self._empty_share()
        return empty_share < 0.08 and any(following) and self.sheet.vocabulary.is_word("item", key)

    def _headed(self) -> bool:
        """Whether the rows without cells head the others; judged once."""
        if self.headed is None:
            end = min(self.sheet.height, self.zone.first_data + 200)
            keyed = [row for row in range(self.zone.first_data, end) if self._key_text(row)]
            cells = [self._cells(self.sheet.kinds.row(row)) for row in keyed]
            named = self.key_kinds[NAME] > 0.3 * sum(self.key_kinds.values())
            self.headed = not named and heads_the_rest(cells, len(self.columns))
        return self.headed

    def _usually_described(self) -> bool:
        """Whether other rows nearly always say something beside the key, so that a row which does not stands out."""
        rows = range(self.zone.first_data, min(self.sheet.height, self.zone.first_data + 100))
        lone = described = 0
        for row in rows:
            if self._key_text(row):
                others = any(self.sheet.kinds.at(row, c) != EMPTY for c in self.others)
                described += others
                lone += not others
        return described > 2 and lone < 0.4 * (lone + described)

    def _mostly_upper(self) -> bool:
        texts = [
            self._key_text(row)
            for row in range(self.zone.first_data, min(self.sheet.height, self.zone.first_data + 60))
        ]
        texts = [text for text in texts if text]
        return sum(text.isupper() for text in texts) > 0.5 * len(texts)

    def _empty_share(self) -> float:
        rows = list(range(self.zone.first_data, min(self.sheet.height, self.zone.first_data + 100)))
        keyed = [row for row in rows if self._key_text(row)]
        return sum(not self._cells(self.sheet.kinds.row(row)) for row in keyed) / max(1, len(keyed))


def sort_rows(sheet: Sheet, table: Table, zone: HeaderZone) -> Body:
    """Sort the rows under a header zone."""
    return RowSorter(sheet, table, zone).run()
