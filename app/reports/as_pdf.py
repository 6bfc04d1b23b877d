"""A report as PDF, drawn straight on the canvas: ten thousand rows in about a second.

1. choose column widths from the content; 2. break cells into lines and rows into pages; 3. draw, now that the number of
pages is known. Fonts: Helvetica, and DejaVu Sans (embedded) for whatever Latin-1 cannot write.
"""

import heapq
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from app.reports.tables import Printed, Section

PLAIN, BOLD, OTHER = "Helvetica", "Helvetica-Bold", "DejaVuSans"
FONT_FILE = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
SIZE, LEADING = 8.0, 10.0
PADDING = 3.0
MARGIN = 14 * mm
FOOT = 12 * mm
SAMPLE = 40
"""The longest texts of a column, of which the widest chooses its width."""
MOST_LINES = 40
"""A cell is cut after so many lines; the cut is shown as an ellipsis."""

Lines = tuple[str, ...]
Row = tuple[list[Lines], float]


def write(printed: Printed) -> bytes:
    """Return the report as a PDF with its digest, filters and page numbers on every page as RPT-4 asks."""
    wide = max((len(section.columns) for section in printed.sections), default=0) > 5
    out = io.BytesIO()
    size = landscape(A4) if wide else A4
    canvas = Canvas(out, pagesize=size, pageCompression=1, invariant=1)
    canvas.setTitle(printed.title)
    canvas.setAuthor(printed.report.produced_by)
    canvas.setSubject(f"SHA-256 {printed.digest}")
    _Layout(canvas, printed, size).draw()
    canvas.save()
    return out.getvalue()


def font_of(text: str, bold: bool = False) -> str:
    """Return the font that can write ``text``."""
    if text.isascii():
        return BOLD if bold else PLAIN
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        if OTHER not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(OTHER, str(FONT_FILE)))
        return OTHER
    return BOLD if bold else PLAIN


@lru_cache(maxsize=20_000)
def wrapped(text: str, width: float, font: str, size: float = SIZE) -> Lines:
    """Return the text broken into lines no wider than ``width`` points; a word that is too long is cut."""
    if not text:
        return ("",)
    if len(text) * size * 1.02 <= width or ("\n" not in text and stringWidth(text, font, size) <= width):
        return (text,)
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split(" "):
            candidate = f"{line} {word}" if line else word
            if stringWidth(candidate, font, size) <= width:
                line = candidate
                continue
            if line:
                lines.append(line)
            line = _cut(word, width, font, size, lines)
        lines.append(line)
        if len(lines) > MOST_LINES:
            return (*lines[: MOST_LINES - 1], "…")
    return tuple(lines) or ("",)


def _cut(word: str, width: float, font: str, size: float, lines: list[str]) -> str:
    """Put all but the last piece of a too long word into ``lines``; return the last piece."""
    while stringWidth(word, font, size) > width and len(word) > 1:
        fits = max(1, int(len(word) * width / stringWidth(word, font, size)))
        while fits > 1 and stringWidth(word[:fits], font, size) > width:
            fits -= 1
        lines.append(word[:fits])
        word = word[fits:]
    return word


def column_widths(section: Section, available: float) -> list[float]:
    """Return the width of each column in points: what its content asks for, shrunk in fairness when it is too much."""
    asked = []
    for number, column in enumerate(section.columns):
        texts = {row[number] for row in section.rows}
        widest = heapq.nlargest(SAMPLE, texts, key=len)
        longest = max((stringWidth(text[:120], PLAIN, SIZE) for text in widest), default=0.0)
        title = max((stringWidth(word, BOLD, SIZE) for word in column.title.split()), default=0.0)
        asked.append(column.width * available if column.width else max(longest, title, 18.0) + 2 * PADDING + 1)
    total = sum(asked)
    if total <= available:
        return [width * available / total for width in asked] if total > available * 0.6 else asked
    fair = available / len(asked)
    spare = available - sum(min(width, fair) for width in asked)
    excess = sum(max(width - fair, 0) for width in asked)
    return [min(width, fair) + max(width - fair, 0) * spare / excess for width in asked]


@dataclass
class _Page:
    """What one page holds: which section, its header lines, and (row, y of its top) pairs."""

    section: int
    top: float
    titled: bool
    rows: list[tuple[Row, float]] = field(default_factory=list)


class _Layout:
    """Breaks a report into pages, then draws them."""

    def __init__(self, canvas: Canvas, printed: Printed, size: tuple[float, float]) -> None:
        self.canvas, self.printed = canvas, printed
        self.width, self.height = size
        self.inner = self.width - 2 * MARGIN
        self.bottom = MARGIN + FOOT
        self.about = self._about_lines()
        self.first_top = self.height - MARGIN - 26 - len(self.about) * LEADING - 8
        self.widths = [column_widths(section, self.inner) for section in printed.sections]
        self.headers = [
            self._row([column.title for column in section.columns], widths, True)
            for section, widths in zip(printed.sections, self.widths, strict=True)
        ]
        self.pages: list[list[_Page]] = [[]]

    def _about_lines(self) -> list[str]:
        pairs = [*self.printed.about, (self.printed.translate("SHA-256 of the content"), self.printed.digest)]
        text = "   ·   ".join(f"{name}: {value}" for name, value in pairs)
        return list(wrapped(text, self.inner, font_of(text), SIZE))

    def _row(self, cells: Sequence[str], widths: Sequence[float], bold: bool = False) -> Row:
        lines = []
        most = 1
        for text, width in zip(cells, widths, strict=True):
            broken = wrapped(text, width - 2 * PADDING, font_of(text, bold))
            most = max(most, len(broken))
            lines.append(broken)
        return lines, most * LEADING + 3

    def _break(self) -> None:
        y = self.first_top
        for number, section in enumerate(self.printed.sections):
            header_height = self.headers[number][1]
            if number and y - 40 - header_height < self.bottom:
                self.pages.append([])
                y = self.height - MARGIN
            page = _Page(number, y, True)
            self.pages[-1].append(page)
            y -= header_height + (18 if section.title else 4) + self._note_height(section)
            for cells in section.rows:
                row = self._row(cells, self.widths[number])
                if y - row[1] < self.bottom and page.rows:
                    self.pages.append([])
                    page = _Page(number, self.height - MARGIN, False)
                    self.pages[-1].append(page)
                    y = page.top - header_height
                page.rows.append((row, y))
                y -= row[1]
            y -= 12

    def _note_height(self, section: Section) -> float:
        return len(wrapped(section.note, self.inner, font_of(section.note))) * LEADING if section.note else 0.0

    def draw(self) -> None:
        """Draw every page."""
        self._break()
        for number, parts in enumerate(self.pages, 1):
            if number == 1:
                self._head()
            for part in parts:
                self._part(part)
            self._foot(number, len(self.pages))
            self.canvas.showPage()

    def _head(self) -> None:
        """Draw company, title, the answer if there is one, and how the report came about."""
        canvas, y = self.canvas, self.height - MARGIN - 12
        company = self.printed.report.company
        if company:
            canvas.setFont(font_of(company), SIZE)
            canvas.drawRightString(self.width - MARGIN, y, company)
        title = wrapped(self.printed.title, self.inner * 0.75, font_of(self.printed.title, True), 14)[0]
        canvas.setFont(font_of(title, True), 14)
        canvas.drawString(MARGIN, y, title)
        for number, line in enumerate(self.about):
            canvas.setFont(font_of(line), SIZE)
            canvas.drawString(MARGIN, y - 18 - number * LEADING, line)

    def _part(self, part: _Page) -> None:
        canvas, section, widths = self.canvas, self.printed.sections[part.section], self.widths[part.section]
        y = part.top
        if part.titled and section.title:
            y -= 12
            canvas.setFont(font_of(section.title, True), 10)
            canvas.drawString(MARGIN, y, section.title)
            y -= 6
        elif part.titled:
            y -= 4
        if part.titled and section.note:
            for line in wrapped(section.note, self.inner, font_of(section.note)):
                canvas.setFont(font_of(section.note), SIZE)
                canvas.drawString(MARGIN, y - SIZE, line)
                y -= LEADING
        header = self.headers[part.section]
        canvas.setFillGray(0.92)
        canvas.rect(MARGIN, y - header[1], sum(widths), header[1], stroke=0, fill=1)
        canvas.setFillGray(0)
        self._cells([(header, y)], widths, True)
        self._cells(part.rows, widths, False)
        canvas.setStrokeGray(0.8)
        canvas.setLineWidth(0.3)
        right = MARGIN + sum(widths)
        canvas.lines([(MARGIN, top - row[1], right, top - row[1]) for row, top in part.rows])

    def _cells(self, rows: list[tuple[Row, float]], widths: Sequence[float], bold: bool) -> None:
        """Write the text of rows as one text object per page: the fast way."""
        text = self.canvas.beginText()
        font = BOLD if bold else PLAIN
        text.setFont(font, SIZE)
        lefts = [MARGIN + PADDING]
        for width in widths:
            lefts.append(lefts[-1] + width)
        for (cells, _), top in rows:
            for lines, x in zip(cells, lefts, strict=False):
                y = top - SIZE
                for line in lines:
                    if line:
                        needed = font if line.isascii() else font_of(line, bold)
                        if needed != font:
                            text.setFont(needed, SIZE)
                        text.setTextOrigin(x, y)
                        text.textOut(line)
                        if needed != font:
                            text.setFont(font, SIZE)
                    y -= LEADING
        self.canvas.drawText(text)

    def _foot(self, number: int, count: int) -> None:
        canvas, y = self.canvas, MARGIN
        page = self.printed.translate("Page %(number)s of %(count)s") % {"number": number, "count": count}
        left = f"{self.printed.title}   ·   SHA-256 {self.printed.digest[:16]}…"
        if head := self.printed.report.trail_head:
            left += f"   ·   {self.printed.translate('Audit trail at')} {head}"
        canvas.setStrokeGray(0.6)
        canvas.line(MARGIN, y + LEADING + 2, self.width - MARGIN, y + LEADING + 2)
        canvas.setFont(font_of(left), 7)
        canvas.drawString(MARGIN, y, wrapped(left, self.inner - 80, font_of(left), 7)[0])
        canvas.setFont(PLAIN, 7)
        canvas.drawRightString(self.width - MARGIN, y, page)
