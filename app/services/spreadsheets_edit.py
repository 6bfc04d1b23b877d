"""The process that changes cells of a stranger's spreadsheet and keeps everything else of it.

Run by path, never imported: ``python -I spreadsheets_edit.py REQUEST RESULT``. REQUEST is a JSON file (path, target,
limits, edits by sheet); RESULT gets one JSON line: what was left out, or why the file was refused. The new file holds
values only: cells that were formulas keep the value last calculated; macros, links to other files, pivot tables and
queries are left out; web links stay.
"""

import importlib.util
import json
import re
import resource
import sys
import zipfile
from copy import copy
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.xml.functions import tostring


def _load(name: str) -> Any:
    """A neighboring module by its file, without the package around it."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


reading = _load("spreadsheets_child")
shifting = _load("spreadsheets_shift")

AUTHOR = "Qualgate"
# A cell costs about 1 KB here; merged ranges cost one cell for each cell that they cover.
MAX_CELLS = 700_000
MAX_MERGES = 60_000
MAX_TEXT = 32_000

_FILLS = {
    "changed": PatternFill("solid", fgColor="FFCBEFD3"),
    "emptied": PatternFill("lightUp", fgColor="FFB58900"),
    "question": PatternFill("solid", fgColor="FFFFE8B4"),
    "error": PatternFill("solid", fgColor="FFF8C9C5"),
    "plain": PatternFill(),
}
_LIVE = re.compile(r"[\[|]|https?:|\\\\|\b(?:WEBSERVICE|CALL|EXEC|REGISTER|DDE|RTD|HYPERLINK|FILTERXML)\b", re.I)
_LINK_CELL = re.compile(
    rb'<c [^>]*?\br="([A-Z]{1,3}\d+)"[^>]*?><f[^>]*>\s*HYPERLINK\(\s*(?:&quot;|")(https?://[^"<]{1,1500}?)(?:&quot;|")',
    re.I,
)
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_RETURN = "_x000D_"  # how the file format writes a carriage return
_STARTS = ("=", "+", "-", "@", "\t", "\r", _RETURN)
_SAFE_LINK = ("http://", "https://", "mailto:")


def main() -> None:
    """Edit the file that the request names and tell what happened, whatever happens."""
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (request["seconds"], request["seconds"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (reading.MAX_UNPACKED, reading.MAX_UNPACKED))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        edit = edit_text if request["kind"] == "text" else edit_workbook
        answer: dict[str, Any] = {"left_out": edit(request)}
    except reading.Refused as refusal:
        answer = {"refused": refusal.code}
    except MemoryError:
        answer = {"refused": "memory"}
    except BaseException as error:
        answer = {"refused": "broken", "error": f"{type(error).__name__}: {error}"[:300]}
    Path(sys.argv[2]).write_text(json.dumps(answer), "utf-8")


def value_of(tagged: Any) -> Any:
    """A value from its JSON."""
    if not isinstance(tagged, list):
        return tagged
    kind, text = tagged
    return date.fromisoformat(text) if kind == "d" else datetime.fromisoformat(text)


# -- workbooks --------------------------------------------------------------------------------------------------------


def edit_workbook(request: dict[str, Any]) -> list[str]:
    """Change the cells of an xlsx or xlsm and save it as xlsx; return what was left out of the copy, as words."""
    left_out: list[str] = []
    with zipfile.ZipFile(request["path"]) as package:
        names = reading.check_package(package)
        links = _scan(package)
        if "xl/vbaProject.bin" in names:
            left_out.append("macros")
        if any(name.startswith("xl/externalLinks/") for name in names):
            left_out.append("links")
    with open(request["path"], "rb") as stream:
        book = openpyxl.load_workbook(stream, data_only=True, keep_links=False, keep_vba=False, rich_text=True)
    parts = reading.xml.Extras(zipfile.ZipFile(request["path"]), reading.grid, 0).parts
    for sheet in book.worksheets:
        _disarm(sheet, left_out)
        _old_marks(sheet)
        for coordinate, target in links.get(parts.get(sheet.title, ""), {}).items():
            cell = sheet[coordinate]
            if not isinstance(cell, MergedCell) and cell.hyperlink is None:
                cell.hyperlink = target
        edits = request["sheets"].get(sheet.title)
        if edits:
            shifting.Mover(sheet, _lines(edits["rows"]), _lines(edits["columns"])).run()
            _write_cells(sheet, edits["cells"])
            for top, left, bottom, right in edits["merges"]:
                sheet.merge_cells(None, top + 1, left + 1, bottom + 1, right + 1)
    _disarm_names(book.defined_names, left_out)
    for sheet in book.worksheets:
        _disarm_names(sheet.defined_names, left_out)
        _only_texts(sheet)
    book.template = False
    book.properties.lastModifiedBy = AUTHOR
    book.save(request["target"])
    return sorted(set(left_out))


def _lines(inserts: list[list[int]]) -> list[tuple[int, int, int]]:
    return [(at + 1, count, like + 1) for at, count, like in inserts]


def _scan(package: zipfile.ZipFile) -> dict[str, dict[str, str]]:
    """Refuse what is too large to be edited; find the links that formulas make, by part and cell."""
    cells = merges = 0
    links: dict[str, dict[str, str]] = {}
    for name in package.namelist():
        if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
            continue
        rest = b""
        with package.open(name) as stream:
            while chunk := stream.read(4_000_000):
                chunk = rest + chunk
                cut = max(chunk.rfind(b"</c>"), chunk.rfind(b"<mergeCell "), chunk.rfind(b"</row>"))
                chunk, rest = (chunk[:cut], chunk[cut:]) if cut > 0 and len(chunk) > 10_000 else (chunk, b"")
                cells += chunk.count(b"<c ")
                found, covered = _merges(chunk)
                merges, cells = merges + found, cells + covered
                if b"HYPERLINK(" in chunk.upper():
                    for cell, target in _LINK_CELL.findall(chunk):
                        text = target.decode("utf-8", "replace").replace("&amp;", "&")
                        links.setdefault(name, {})[cell.decode()] = text
                if cells > MAX_CELLS or merges > MAX_MERGES:
                    raise reading.Refused("large")
        found, covered = _merges(rest)
        cells += covered
    if cells > MAX_CELLS:
        raise reading.Refused("large")
    return links


def _merges(chunk: bytes) -> tuple[int, int]:
    """How many merged ranges there are, and how many cells they cover."""
    if b"mergeCell " not in chunk:
        return 0, 0
    found = _MERGE.findall(chunk)
    number = reading.grid.column_number
    sizes = ((int(d) - int(b) + 1) * (number(c.decode()) - number(a.decode()) + 1) for a, b, c, d in found)
    return len(found), sum(sizes)


def _disarm(sheet: Any, left_out: list[str]) -> None:
    """Take out of a sheet what could run, fetch or open something."""
    if sheet._pivots:
        sheet._pivots = []
        left_out.append("pivots")
    for table in sheet.tables.values():
        for column in table.tableColumns:
            column.calculatedColumnFormula = column.totalsRowFormula = None
    checks = sheet.data_validations.dataValidation
    sheet.data_validations.dataValidation = [one for one in checks if not _live(one.formula1, one.formula2)]
    for entry in list(sheet.conditional_formatting):
        if any(_live(*rule.formula) for rule in entry.rules):
            del sheet.conditional_formatting[entry.sqref]
    sheet._charts = [chart for chart in sheet._charts if b"[" not in tostring(chart._write())]
    for cell in sheet._cells.values():
        if isinstance(cell, MergedCell) or cell.hyperlink is None:
            continue
        link = cell.hyperlink
        if (link.target or "") and not str(link.target).lower().startswith(_SAFE_LINK):
            sheet._hyperlinks = [one for one in sheet._hyperlinks if one is not link]
            cell._hyperlink = None
            left_out.append("links")


def _live(*formulas: Any) -> bool:
    return any(formula is not None and _LIVE.search(str(formula)) for formula in formulas)


def _disarm_names(names: Any, left_out: list[str]) -> None:
    for name, one in list(names.items()):
        if _live(one.attr_text) or "(" in str(one.attr_text) or one.function or one.vbProcedure or one.xlm:
            del names[name]
            left_out.append("names")


def _old_marks(sheet: Any) -> None:
    """Marks of an earlier copy of ours go: they told what had changed then."""
    for cell in sheet._cells.values():
        if isinstance(cell, MergedCell) or cell.comment is None or cell.comment.author != AUTHOR:
            continue
        cell.comment = None
        if any(cell.fill.fgColor.rgb == fill.fgColor.rgb for name, fill in _FILLS.items() if name != "plain"):
            cell.fill = PatternFill()


def _write_cells(sheet: Any, cells: list[list[Any]]) -> None:
    for row, column, change, tagged, mark, comment, like in cells:
        cell = sheet.cell(row + 1, column + 1)
        if isinstance(cell, MergedCell):
            span = next((one for one in sheet.merged_cells.ranges if cell.coordinate in one), None)
            if span is None or (change and tagged is not None):
                continue
            cell = sheet.cell(span.min_row, span.min_col)
        if like is not None:
            cell._style = copy(sheet.cell(like[0] + 1, like[1] + 1)._style)
        if change:
            _set(cell, value_of(tagged))
        if mark:
            cell.fill = copy(_FILLS[mark])
        if comment:
            before = f"{cell.comment.text}\n" if cell.comment else ""
            author = cell.comment.author if cell.comment else AUTHOR
            cell.comment = Comment((before + comment)[:MAX_TEXT], author, width=260, height=110)


def _set(cell: Any, value: Any) -> None:
    if isinstance(value, str):
        cell.value = ""
        text = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", value).replace("\r", _RETURN)
        cell._value, cell.data_type = text[:MAX_TEXT], "s"
    else:
        cell.value = value
    cell.hyperlink = None


def _only_texts(sheet: Any) -> None:
    """A text that looks like a formula is written, and marked, as a text: editing it in Excel keeps it one."""
    for cell in sheet._cells.values():
        if isinstance(cell, MergedCell):
            continue
        if cell.data_type == "f":
            cell._value, cell.data_type = str(cell._value), "s"
        if cell.data_type == "s" and str(cell._value).startswith(_STARTS):
            cell.quotePrefix = True


# -- text files -------------------------------------------------------------------------------------------------------


def edit_text(request: dict[str, Any]) -> list[str]:
    """Change the cells of a csv or tsv file; delimiter, encoding and line ends stay, where the new texts allow it."""
    data = Path(request["path"]).read_bytes()
    texts = reading.text
    text, encoding = texts.decode(data), texts.encoding_of(data)
    head = re.match(r"sep=.\r?\n", text, re.I)
    rows = [[texts.unguarded(cell) for cell in row] for row in texts.rows_of(text)]
    for edits in request["sheets"].values():
        rows = _edited_rows(rows, edits)
    ends = "\r\n" if "\r\n" in text else "\n"
    delimiter = texts.delimiter_of(text)[0]
    lines = [delimiter.join(texts.quoted(texts.guarded(cell), delimiter) for cell in row) for row in rows]
    whole = (head[0] if head else "") + "".join(line + ends for line in lines)
    left_out = []
    try:
        encoded = whole.encode(encoding)
    except UnicodeEncodeError:
        encoded, left_out = whole.encode("utf-8-sig"), ["encoding"]
    Path(request["target"]).write_bytes(encoded)
    return left_out


def _edited_rows(rows: list[list[str]], edits: dict[str, Any]) -> list[list[str]]:
    for at, count, _ in sorted(edits["columns"], reverse=True):
        for row in rows:
            if len(row) > at:
                row[at:at] = [""] * count
    for at, count, _ in sorted(edits["rows"], reverse=True):
        rows += [[] for _ in range(at - len(rows))]
        rows[at:at] = [[] for _ in range(count)]
    for row, column, change, tagged, *_ in edits["cells"]:
        if change:
            rows += [[] for _ in range(row + 1 - len(rows))]
            rows[row] += [""] * (column + 1 - len(rows[row]))
            value = value_of(tagged)
            rows[row][column] = "" if value is None else str(value)
    return rows


if __name__ == "__main__":
    main()
