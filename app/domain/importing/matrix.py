"""Reads a matrix: people or job functions on one axis, items on the other, marks, codes, levels or dates between."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping

from app.domain.importing import meanings as m
from app.domain.importing.bodies import Body
from app.domain.importing.codes import Resolver
from app.domain.importing.dates import day_first
from app.domain.importing.days import day_of
from app.domain.importing.decoys import lone_numbers, plain_list, refuse, register, roster
from app.domain.importing.derived import nobody, trim_columns, trim_rows
from app.domain.importing.explaining import axes_named, code_asked, columns_labeled, rows_told
from app.domain.importing.grid import as_text
from app.domain.importing.halves import leave_out_wanted
from app.domain.importing.headers import HeaderZone, provenance, read_header_zone
from app.domain.importing.legend import Outside, entry_meanings, find_entries, used_codes
from app.domain.importing.lexis import CODE, DATE_TEXT, MARK, NUMBER, SMALL, STATUS
from app.domain.importing.lines import SILENT_SUBS, Line, column_lines, make_items, make_subjects, row_lines
from app.domain.importing.meanings import CodeMeaning, under_heading
from app.domain.importing.merging import add_items, add_subjects
from app.domain.importing.orientation import decide_axes
from app.domain.importing.profile import counting, profile_of
from app.domain.importing.raci import is_chart, with_letters
from app.domain.importing.reading import IN_COLUMNS, IN_ROWS, Fact, Place, Question, SheetReading
from app.domain.importing.rows import sort_rows
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table, enrich, find_table, judge_row
from app.domain.importing.vocabulary import is_cjk, normal
from app.domain.text import Phrase


class MatrixReader:
    """Reads one sheet as a matrix, step by step: table, header zone, rows, axes, meanings, counts."""

    def __init__(self, sheet: Sheet, table: Table, legends: Mapping[str, CodeMeaning]) -> None:
        self.sheet, self.table = sheet, table
        self.zone: HeaderZone = read_header_zone(sheet, table)
        enrich(sheet, table, self.zone.labels, self.zone.first_data)
        self.body: Body = sort_rows(sheet, table, self.zone)
        trim_rows(sheet, table, self.body)
        trim_columns(sheet, table, self.body, self.zone.labels)
        self.first_of_pair = leave_out_wanted(sheet, table, self.body)
        self.columns = column_lines(sheet, table, self.zone, self.body)
        self.rows = row_lines(sheet, table, self.body)
        self.legends = legends
        self.decision = decide_axes(sheet, table, self.zone, self.body, self.rows, self.columns)
        self._leave_out_nobody()
        self.resolver = Resolver(sheet.vocabulary, self.decision.kind == "person", epoch1904=sheet.grid.epoch1904)
        self.of_code: dict[int, CodeMeaning] = {}
        self.counts: Counter[int] = Counter()
        self.silent = [line.index for line in self.columns if line.sub in SILENT_SUBS]
        self.speaking = [line.index for line in self.columns if line.sub not in SILENT_SUBS]

    def _leave_out_nobody(self) -> None:
        """Vacant positions are no people."""
        if self.decision.kind != "person":
            return
        if self.decision.subjects_in_rows:
            self.rows = [line for line in self.rows if not nobody(line.text, self.sheet.vocabulary)]
            self.body.rows = [line.index for line in self.rows]
        else:
            self.columns = [line for line in self.columns if not nobody(line.text, self.sheet.vocabulary)]
            self.table.columns = [line.index for line in self.columns]

    # -- the parts of the reading -------------------------------------------------------------------------------------

    def read(self) -> SheetReading:
        """The complete reading of the sheet as a matrix, or as the decoy that it turned out to be."""
        sheet = self.sheet
        reason = refuse(sheet, self.table, self.zone, self.body, self.columns, self.rows)
        if reason:
            empty = reason.template.startswith("There are column names")
            return SheetReading(sheet.grid.name, "empty" if empty else "not_a_matrix", 0.8, [reason])
        self._resolve()
        if not self.counts:
            return self._template()
        reason = self._no_training()
        if reason:
            return SheetReading(sheet.grid.name, "not_a_matrix", 0.7, [reason])
        reading = SheetReading(sheet.grid.name, self._verdict(), 0.0)
        reading.orientation = IN_ROWS if self.decision.subjects_in_rows else IN_COLUMNS
        reading.subject_kind = self.decision.kind
        self._describe(reading)
        self._name_lines(reading)
        self._count(reading)
        self._ask(reading)
        self._explain(reading)
        return reading

    def _no_training(self) -> Phrase | None:
        """Why the cells, now that their meanings are known, are no statements about training."""
        if self.sheet.choices:
            return None
        details: Counter[str] = Counter()
        for code, number in self.counts.items():
            details[self.of_code[code].detail] += number
            if self.of_code[code].meaning == m.UNKNOWN and self.sheet.kinds.of_code[code] == NUMBER:
                details["amount"] += number
        evidence = self.decision.evidence
        told = register(self.sheet, self.table, self.columns)
        if told or (self.decision.subjects_in_rows and (told := roster(self.columns, self.sheet.vocabulary))):
            return told
        return lone_numbers(details, evidence, self.decision.kind == "person") or plain_list(
            self.sheet, self.table, self.body, evidence
        )

    def _template(self) -> SheetReading:
        reason = Phrase(
            "There are headers (columns: %(columns)s, named rows: %(rows)s), but no cell is filled in: an empty form.",
            columns=len(self.columns),
            rows=len(self.rows),
        )
        return SheetReading(self.sheet.grid.name, "empty", 0.8, [reason])

    def _describe(self, reading: SheetReading) -> None:
        zone, sheet = self.zone, self.sheet
        reading.header_rows = sorted(zone.labels)
        reading.metadata_rows = {**zone.meta, **self.body.foot}
        reading.metadata_columns = {c: f for c, f in self.table.fields.items() if c != self.table.key}
        reading.key_column = self.table.key
        reading.first_data_row = self.first_of_pair.get(self.body.rows[0], self.body.rows[0])
        reading.last_data_row = self.body.rows[-1]
        reading.item_lines = list(self.table.columns)
        reading.provenance = provenance(sheet, zone.labels[0])
        reading.placeholders = self.body.placeholders
        reading.hidden_rows = len(sheet.grid.hidden_rows & set(self.body.rows))
        orders = {True: "day first", False: "month first"}
        reading.date_order = orders.get(self.resolver.dmy) if self.resolver.dmy is not None else None

    def _name_lines(self, reading: SheetReading) -> None:
        segments = [self._segment(number, row) for number, row in enumerate(self.body.segments)]
        self.starts = list(self.body.segments)
        across = [self.columns, *segments]
        person = self.decision.kind == "person"
        self.column_of: list[dict[int, int]] = []
        if self.decision.subjects_in_rows:
            reading.subjects, self.row_of = make_subjects(self.rows, person)
            for subject in reading.subjects:
                subject.line = self.first_of_pair.get(subject.line, subject.line)
            for lines in across:
                items, of_line = make_items(lines)
                places = add_items(reading.items, items)
                self.column_of.append({column: places[index] for column, index in of_line.items()})
        else:
            reading.items, self.row_of = make_items(self.rows)
            for lines in across:
                subjects, of_line = make_subjects(lines, person)
                places = add_subjects(reading.subjects, subjects)
                self.column_of.append({column: places[index] for column, index in of_line.items()})
        reading.facts, reading.places = self.facts, self.places

    def _segment(self, number: int, header: int) -> list[Line]:
        """The columns of a further part of the table; those without a heading and without cells do not exist there."""
        ends = [*self.body.segments[number + 1 :], self.sheet.height]
        rows = [self.sheet.grid.rows[row] for row in self.body.rows if header < row < ends[0]]
        lines = column_lines(self.sheet, self.table, self.zone, self.body, header)
        return [line for line in lines if line.text or any(row[line.index] for row in rows)]

    # -- meanings -----------------------------------------------------------------------------------------------------

    def _resolve(self) -> None:
        """Count the codes of the body, then give each its meaning."""
        rows, sheet = self.sheet.grid.rows, self.sheet
        first, last = (self.speaking[0], self.speaking[-1]) if self.speaking else (0, -1)
        if last - first + 1 == len(self.speaking):
            for row in self.body.rows:
                self.counts.update(rows[row][first : last + 1])
        else:
            for row in self.body.rows:
                line = rows[row]
                self.counts.update([line[c] for c in self.speaking])
        self.counts.pop(0, None)
        kinds, values = sheet.kinds.of_code, sheet.grid.values
        self.asked = {line.index: line.sub for line in self.columns if line.sub in ("required", "planned")}
        self.asked_counts = Counter(
            (rows[row][c], heading) for row in self.body.rows for c, heading in self.asked.items() if rows[row][c]
        )
        resolver = self.resolver
        resolver.profile = profile_of(((values[c], kinds[c], n) for c, n in self.counts.items()), sheet.vocabulary)
        resolver.profile.ordered = self._ordered()
        resolver.profile.east_asian = resolver.profile.east_asian or self._east_asian()
        resolver.legend = self._legend()
        resolver.chosen = dict(sheet.choices.get("legend", {}))
        resolver.dmy = self._date_order()
        self.of_code = {code: resolver.meaning(values[code], kinds[code]) for code in self.counts}
        self.of_asked = {(c, heading): under_heading(self.of_code[c], heading) for c, heading in self.asked_counts}

    def _east_asian(self) -> bool:
        """Whether the labels are written in Chinese, Japanese or Korean."""
        labels = [line.text for line in (*self.rows[:100], *self.columns)]
        return sum(map(is_cjk, labels)) > 0.5 * len(labels)

    def _legend(self) -> dict[str, CodeMeaning]:
        outside = Outside(self.zone.labels[0], self.body.rows[-1] if self.body.rows else 0, self.table.columns[-1])
        self.entries = find_entries(self.sheet, outside)
        used = {as_text(self.sheet.grid.values[code]) for code in self.counts}
        legend = used_codes({**self.legends, **entry_meanings(self.entries, self.sheet.vocabulary)}, used)
        return with_letters(legend) if is_chart(self.resolver.profile) else legend

    def _ordered(self) -> bool:
        """Whether the numbers of most lines count up from one without repeating: an order, no level."""
        numbers = self.resolver.profile.numbers
        if self.resolver.profile.dates or len(numbers) < 3 or min(numbers) < 1 or max(numbers) > 60:
            return False
        values, rows = self.sheet.grid.values, self.sheet.grid.rows
        by_column = [[values[rows[r][c]] for r in self.body.rows if rows[r][c]] for c in self.speaking]
        by_row = [[values[rows[r][c]] for c in self.speaking if rows[r][c]] for r in self.body.rows]
        return any(counting(lines) for lines in (by_column, by_row))

    def _date_order(self) -> bool | None:
        chosen = self.sheet.choices.get("date_order")
        if chosen:
            return str(chosen).startswith("day")
        kinds, values = self.sheet.kinds.of_code, self.sheet.grid.values
        return day_first(as_text(values[code]) for code in self.counts if kinds[code] == DATE_TEXT)

    def _verdict(self) -> str:
        if is_chart(self.resolver.profile):
            return "raci"
        if self.decision.kind != "person":
            return "role_item"
        levels = sum(n for code, n in self.counts.items() if self.of_code[code].meaning == m.LEVEL)
        return "person_level" if levels >= 0.4 * sum(self.counts.values()) else "person_item"

    # -- counting and telling -----------------------------------------------------------------------------------------

    def _count(self, reading: SheetReading) -> None:
        plain = Counter(self.counts)
        for (code, _), number in self.asked_counts.items():
            plain[code] -= number
        told = [(code, self.of_code[code], number) for code, number in plain.items() if number > 0]
        told += [(code, self.of_asked[code, heading], number) for (code, heading), number in self.asked_counts.items()]
        for code, meaning, number in told:
            reading.cells[meaning.meaning] += number
            kind = self.sheet.kinds.of_code[code]
            if (
                kind in (MARK, CODE, STATUS, SMALL)
                or meaning.meaning == m.LEVEL
                or meaning.detail in ("days", "order")
                or meaning.why.template.startswith(("the legend", "chosen"))
            ):
                reading.legend[as_text(self.sheet.grid.values[code])] = meaning
        for text, meaning in self.resolver.legend.items():
            useful = meaning.why.template.startswith("the legend") and meaning.meaning != m.UNKNOWN
            if text not in reading.legend and not text.startswith("fill:") and useful:
                reading.legend[text] = meaning

    def facts(self) -> Iterator[Fact]:
        """Every cell of the body that says something."""
        values, kinds = self.sheet.grid.values, self.sheet.kinds.of_code
        subs = {line.index: line.sub for line in self.columns}
        due = {line.index for line in self.rows if line.sub == "expiry"}
        for row in self.body.rows:
            line = self.sheet.grid.rows[row]
            columns = self.column_of[bisect_right(self.starts, row)]
            for column in self.speaking:
                code = line[column]
                if not code:
                    continue
                heading = self.asked.get(column)
                meaning = self.of_asked[code, heading] if heading else self.of_code[code]
                subject, item = self.row_of[row], columns[column]
                if not self.decision.subjects_in_rows:
                    subject, item = item, subject
                day = day_of(values[code], kinds[code], self.resolver) if meaning.meaning == m.HELD_WITH_DATE else None
                expires = day if subs[column] == "expiry" or row in due or meaning.detail == "expiry" else None
                yield Fact(
                    row,
                    column,
                    subject,
                    item,
                    meaning.meaning,
                    meaning.detail,
                    as_text(values[code]),
                    None if expires else day,
                    meaning.level,
                    expires,
                )

    def places(self) -> Iterator[Place]:
        """The cell of every subject and item."""
        subs = {line.index: line.sub for line in self.columns}
        for row in self.body.rows:
            columns = self.column_of[bisect_right(self.starts, row)]
            for column in (c for c in self.speaking if c in columns):
                subject, item = self.row_of[row], columns[column]
                if not self.decision.subjects_in_rows:
                    subject, item = item, subject
                yield Place(row, column, subject, item, subs[column])

    def _ask(self, reading: SheetReading) -> None:
        first = self._first_cells({code for code, meaning in self.of_code.items() if meaning.confidence < 0.5})
        for code, (row, column) in first.items():
            text = as_text(self.sheet.grid.values[code])
            meaning = self.of_code[code]
            problem = code_asked(text[:40], self.counts[code], meaning.why)
            reading.questions.append(
                Question(row, column, text, problem, (m.REQUIRED, m.HELD, m.NOT_REQUIRED, m.NOT_APPLICABLE))
            )
        for row in self.body.odd[:50]:
            reading.questions.append(
                Question(row, self.table.key or 0, "", Phrase("Row %(row)s holds cells but names nobody.", row=row + 1))
            )
        seen: dict[str, int] = {}
        for subject in reading.subjects:
            folded = normal(subject.key)
            if folded in seen and not self.body.segments:
                where = (
                    (subject.line, self.table.key or 0)
                    if reading.orientation == IN_ROWS
                    else (self.table.header, subject.line)
                )
                reading.questions.append(
                    Question(*where, subject.name, Phrase("The same name or number stands here twice."))
                )
            seen[folded] = subject.line
        if any(meaning.why.template.startswith("a date whose day") for meaning in self.of_code.values()):
            reading.questions.append(
                Question(
                    None,
                    None,
                    "",
                    Phrase("Day and month of the dates could be exchanged."),
                    ("day first", "month first"),
                )
            )

    def _first_cells(self, wanted: set[int]) -> dict[int, tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        for row in self.body.rows:
            if len(found) == len(wanted):
                break
            line = self.sheet.grid.rows[row]
            for column in self.speaking:
                if line[column] in wanted and line[column] not in found:
                    found[line[column]] = (row, column)
        return found

    def _explain(self, reading: SheetReading) -> None:
        known = sum(n for code, n in self.counts.items() if self.of_code[code].confidence >= 0.5)
        share = known / max(1, sum(self.counts.values()))
        margin = min(1.0, self.decision.margin / 1.2)
        table = self.table
        reading.confidence = max(
            0.05, min(0.99, 0.3 * min(1.0, table.quality) + 0.2 * table.coverage + 0.25 * margin + 0.25 * share)
        )
        reading.reasons = [
            columns_labeled(table.header + 1, len(table.columns)),
            axes_named(reading),
            Phrase(
                "%(share)s %% of the filled cells have a known meaning; there are %(number)s.",
                share=round(100 * share),
                number=sum(self.counts.values()),
            ),
            *rows_told(reading, len(self.body.sections), len(self.body.repeats)),
            *self.sheet.grid.notes,
        ]


def read_matrix(
    sheet: Sheet, legends: Mapping[str, CodeMeaning], header: int | None = None
) -> tuple[SheetReading, Table] | None:
    """Read a sheet as a matrix, with the header row given or found; ``None`` when it has no table of marks, codes,
    levels or dates at all."""
    table = find_table(sheet) if header is None else judge_row(sheet, header)
    if table is None or (table.score < 0.03 and not sheet.choices):
        return None
    return MatrixReader(sheet, table, legends).read(), table
