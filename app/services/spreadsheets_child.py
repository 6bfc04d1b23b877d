"""The process that opens a spreadsheet, so that a hostile or broken file can hurt nobody else.

Run by path, never imported: ``python -I spreadsheets_child.py REQUEST RESULT``. REQUEST is a JSON file (path, memory
limit in bytes, CPU seconds, engine); RESULT gets one JSON line followed by the cells as 32-bit numbers. Standard
output carries progress lines. It imports nothing of the application but small modules that need only the standard
library; importing the whole package would take longer than reading most files.
"""

import csv
import importlib.util
import json
import sys
import zipfile
from array import array
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import python_calamine


def _load(name: str, path: Path) -> Any:
    """A module by its file, without the package around it."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_APP = Path(__file__).parents[1]
children = _load("children", _APP / "services" / "children.py")
grid = _load("grid", _APP / "domain" / "importing" / "grid.py")
xml = _load("spreadsheets_xml", _APP / "services" / "spreadsheets_xml.py")
text = _load("spreadsheets_text", _APP / "services" / "spreadsheets_text.py")

# A workbook of 10,000 rows by 500 columns unpacks to about 250 MB of XML; ten times its packed size.
MAX_UNPACKED = 1_000_000_000
MAX_RATIO = 300
MAX_PARTS = 5_000
MAX_CELLS = 30_000_000
MAX_MERGES = 60_000
# Colors cost a second reading by a slower library; beyond this size they are left out, with a note.
COLOR_CELLS = 20_000
# The second reader takes a third of a second to load, and most files never need it.
_SECOND_READER = "openpyxl"


_SIGNS = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\xd0\xcf\x11\xe0": "ole",
    b"%PDF": "PDF",
    b"\x89PNG": "image",
    b"\xff\xd8\xff": "image",
    b"GIF8": "image",
    b"\x1f\x8b": "gzip",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7-Zip",
    b"MZ": "program",
    b"\x7fELF": "program",
    b"{\\rtf": "RTF",
}


class Refused(Exception):
    """The file cannot be taken. ``code`` names the sentence that the parent shows; ``values`` fill it."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def main() -> None:
    """Read the file that the request names and write the result, whatever happens."""
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    children.limit(request["memory"], request["seconds"])
    children.end_with_parent()
    with open(sys.argv[2], "wb") as target:
        try:
            _write(target, read(request["path"], request["name"], request["engine"]))
        except Refused as refusal:
            target.write(json.dumps({"refused": refusal.code, "values": refusal.values}).encode() + b"\n")
        except MemoryError:
            target.write(json.dumps({"refused": "memory", "values": {}}).encode() + b"\n")
        except BaseException as error:  # a PanicException of the Rust reader is no Exception
            text = f"{type(error).__name__}: {error}"[:300]
            target.write(json.dumps({"refused": "broken", "values": {"error": text}}).encode() + b"\n")


def read(path: str, name: str, engine: str) -> list[dict[str, Any]]:
    """All sheets of a file, as dictionaries of packed cells."""
    with open(path, "rb") as file:
        head = file.read(4096)
    kind = kind_of(head)
    if kind == "zip":
        return _read_package(path, engine)
    if kind == "ole":
        return _read_ole(path, engine)
    if kind is not None:
        raise Refused("wrong_kind", kind=kind)
    if Path(name).suffix.lower() in (".xlsx", ".xlsm", ".xls", ".ods", ".xlsb"):
        raise Refused("wrong_kind", kind="text")
    return [read_text(Path(path).read_bytes())]


def kind_of(head: bytes) -> str | None:
    """What a file is by its first bytes: ``zip``, ``ole``, another kind by name, or ``None`` for text."""
    for sign, kind in _SIGNS.items():
        if head.startswith(sign):
            return kind
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    if start.startswith(b"<?xml"):
        return "XML"
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "unknown"
    return None


# -- packages ---------------------------------------------------------------------------------------------------------


def _read_package(path: str, engine: str) -> list[dict[str, Any]]:
    try:
        package = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise Refused("broken", error=str(error)) from error
    with package:
        names = check_package(package)
        if "mimetype" in names and b"opendocument.spreadsheet" in package.read("mimetype")[:100]:
            if b"manifest:encryption-data" in xml.small(package, "META-INF/manifest.xml"):
                raise Refused("password")
            return _calamine(path, None)
        if not any(name.startswith("xl/workbook") for name in names):
            raise Refused("wrong_kind", kind=_office_kind(names))
        return _calamine(path, package) if engine == "calamine" else _openpyxl(path)


def check_package(package: zipfile.ZipFile) -> set[str]:
    """Refuse bombs, encrypted parts and XML with entities; return the names of the parts."""
    parts = package.infolist()
    if len(parts) > MAX_PARTS:
        raise Refused("bomb", megabytes=0)
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED:
        raise Refused("bomb", megabytes=unpacked // 1_000_000)
    for part in parts:
        if part.flag_bits & 1:
            raise Refused("password")
        if part.file_size > 20_000_000 and part.file_size > MAX_RATIO * max(1, part.compress_size):
            raise Refused("bomb", megabytes=part.file_size // 1_000_000)
        if part.filename.lower().endswith((".xml", ".rels")):
            with package.open(part) as stream:
                start = stream.read(4096).upper()
            if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                raise Refused("entities", part=part.filename)
    return {part.filename for part in parts}


def _office_kind(names: set[str]) -> str:
    if any(name.startswith("word/") for name in names):
        return "Word"
    return "PowerPoint" if any(name.startswith("ppt/") for name in names) else "ZIP"


def _read_ole(path: str, engine: str) -> list[dict[str, Any]]:
    data = Path(path).read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise Refused("password")
    if "Workbook".encode("utf-16-le") not in data and "Book".encode("utf-16-le") not in data:
        raise Refused("wrong_kind", kind="old Office")
    if engine != "calamine":
        raise Refused("broken", error="not readable by the second reader")
    return _calamine(path, None)


# -- readers ----------------------------------------------------------------------------------------------------------


def _calamine(path: str, package: zipfile.ZipFile | None) -> list[dict[str, Any]]:
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
    except python_calamine.PasswordError as error:
        raise Refused("password") from error
    extras = xml.Extras(package, grid, MAX_CELLS) if package else None
    sheets = []
    for position, meta in enumerate(book.sheets_metadata):
        if meta.typ != python_calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_index(position)
        if sheet.total_height * sheet.total_width > MAX_CELLS:
            raise Refused("gigantic", sheet=meta.name, cell=grid.address(sheet.total_height - 1, sheet.total_width - 1))
        rows = _all_rows(sheet)
        visible = meta.visible == python_calamine.SheetVisibleEnum.Visible
        packed = _packed(meta.name, rows, visible, sheet.total_height)
        merges = sheet.merged_cell_ranges or []
        packed["merges"] = [(top, left, bottom, right) for (top, left), (bottom, right) in merges[:MAX_MERGES]]
        if len(merges) > MAX_MERGES:
            packed["notes"].append(("merges", {"number": MAX_MERGES, "all": len(merges)}))
        if extras:
            extras.add(meta.name, packed)
        sheets.append(packed)
    if package and sum(s["height"] * s["width"] for s in sheets) <= COLOR_CELLS:
        _add_colors(path, sheets)
    return sheets


def _all_rows(sheet: python_calamine.CalamineSheet) -> Iterable[Sequence[Any]]:
    """All rows from A1 on, one at a time: a list of all of them would double the memory."""
    if sheet.start is None:
        return []
    left = [None] * sheet.start[1]
    return ([*left, *row] for row in sheet.iter_rows()) if left else sheet.iter_rows()


def _packed(name: str, rows: Iterable[Sequence[Any]], visible: bool = True, height: int = 0) -> dict[str, Any]:
    values, coded, width = grid.encode(rows, lambda number: children.tell(number, height))
    return {
        "name": name,
        "values": values,
        "rows": coded,
        "width": width,
        "height": len(coded),
        "visible": visible,
        "merges": [],
        "hidden_rows": [],
        "hidden_columns": [],
        "fills": [],
        "comments": [],
        "notes": [],
        "epoch1904": False,
    }


def _openpyxl(path: str) -> list[dict[str, Any]]:
    """The second reader: slower, but it opens what the first refuses, and cells far apart cost it nothing."""
    with open(path, "rb") as stream:
        book = importlib.import_module(_SECOND_READER).load_workbook(stream, data_only=True, keep_links=False)
    sheets = []
    for sheet in book.worksheets:
        cells = sheet._cells
        if not cells:
            sheets.append(_packed(sheet.title, [], sheet.sheet_state == "visible"))
            continue
        filled = [place for place, cell in cells.items() if cell.value is not None]
        bottom, right = max((r for r, _ in filled), default=1), max((c for _, c in filled), default=1)
        if bottom * right > MAX_CELLS:
            raise Refused("gigantic", sheet=sheet.title, cell=grid.address(bottom - 1, right - 1))
        rows = ([_plain(cells.get((r, c))) for c in range(1, right + 1)] for r in range(1, bottom + 1))
        packed = _packed(sheet.title, rows, sheet.sheet_state == "visible", bottom)
        merges = list(sheet.merged_cells.ranges)[:MAX_MERGES]
        packed["merges"] = [(m.min_row - 1, m.min_col - 1, m.max_row - 1, m.max_col - 1) for m in merges]
        packed["hidden_rows"] = [number - 1 for number, row in sheet.row_dimensions.items() if row.hidden]
        _colors(sheet, packed)
        sheets.append(packed)
    return sheets


def _plain(cell: Any) -> Any:
    if cell is None or cell.value is None:
        return None
    return grid.CellError(cell.value) if cell.data_type == "e" else cell.value


def _add_colors(path: str, sheets: list[dict[str, Any]]) -> None:
    try:
        with open(path, "rb") as stream:
            book = importlib.import_module(_SECOND_READER).load_workbook(stream, data_only=True, keep_links=False)
    except Exception as error:  # the first reader has the values; colors are extra
        for packed in sheets:
            packed["notes"].append(("colors", {"error": type(error).__name__}))
        return
    for packed in sheets:
        if packed["name"] in book.sheetnames:
            sheet = book[packed["name"]]
            if hasattr(sheet, "_cells"):
                _colors(sheet, packed)


def _colors(sheet: Any, packed: dict[str, Any]) -> None:
    for (row, column), cell in sheet._cells.items():
        if cell.comment:
            packed["comments"].append((row - 1, column - 1, str(cell.comment.text)[:500]))
        fill = cell.fill
        if (
            fill is not None
            and fill.fill_type == "solid"
            and row <= packed["height"] + 40
            and column <= packed["width"] + 10
        ):
            color = _color(fill.fgColor)
            if color and color not in ("FFFFFF", "000000"):
                packed["fills"].append((row - 1, column - 1, color))


def _color(color: Any) -> str | None:
    if color is None:
        return None
    if color.type == "rgb" and isinstance(color.rgb, str):
        return color.rgb[-6:].upper()
    if color.type == "theme":
        return f"T{color.theme}{color.tint or 0:+.1f}"
    return f"I{color.indexed}" if color.type == "indexed" and color.indexed not in (64, 65) else None


# -- text files -------------------------------------------------------------------------------------------------------


def read_text(data: bytes) -> dict[str, Any]:
    """A text file as one sheet; encoding and delimiter are told from its content."""
    reader = text.rows_of(text.decode(data))
    try:
        rows = ([text.unguarded(cell) for cell in row] for row in reader)
        return _packed("", rows, height=data.count(b"\n") + 1)
    except csv.Error as error:
        raise Refused("csv", line=reader.line_num, error=str(error)) from error


# -- result -----------------------------------------------------------------------------------------------------------


def _write(target: BinaryIO, sheets: list[dict[str, Any]]) -> None:
    heads = []
    for sheet in sheets:
        head = {key: value for key, value in sheet.items() if key not in ("rows", "values")}
        head["values"] = [_tagged(value) for value in sheet["values"]]
        heads.append(head)
    target.write(json.dumps({"sheets": heads}).encode() + b"\n")
    for sheet in sheets:
        for row in sheet["rows"]:
            row.tofile(target) if isinstance(row, array) else None


def _tagged(value: Any) -> Any:
    """A value as JSON knows it; types that JSON lacks become a list of their letter and a text."""
    if isinstance(value, grid.CellError):
        return ["e", str(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return ["t", value.isoformat()]
    if isinstance(value, date):
        return ["d", value.isoformat()]
    if isinstance(value, time):
        return ["h", value.isoformat()]
    if isinstance(value, timedelta):
        return ["s", value.total_seconds()]
    return str(value)


if __name__ == "__main__":
    main()
