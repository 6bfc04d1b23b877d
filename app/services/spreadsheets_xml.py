"""What the fast reader of workbooks leaves out, fetched from the XML: errors, hidden rows and columns, the epoch.

Loaded by path in the reading process, like the module that packs cells; so it imports nothing of the application.
"""

import re
import zipfile
from array import array
from collections.abc import Callable, Iterator
from typing import Any

_ROW_HIDDEN = re.compile(rb'<row [^>]*?\br="(\d+)"[^>]*?\bhidden="(?:1|true)"')
_COLUMN_HIDDEN = re.compile(rb'<col [^>]*?\bhidden="(?:1|true)"[^>]*?>')
_ERROR_CELL = re.compile(rb'<c [^>]*?\br="([A-Z]{1,3})(\d+)"[^>]*?\bt="e"[^>]*?>.*?<v>(#[^<]{1,12})</v>', re.S)


def small(package: zipfile.ZipFile, name: str) -> bytes:
    """The first megabyte of a part; nothing where there is no such part."""
    try:
        with package.open(name) as stream:
            return stream.read(1_000_000)
    except KeyError:
        return b""


class Extras:
    """Scans the XML of a workbook. ``grid`` is the module that packs cells; sheets never grow beyond ``most`` cells."""

    def __init__(self, package: zipfile.ZipFile, grid: Any, most: int) -> None:
        self.package, self.grid, self.most = package, grid, most
        book = small(package, "xl/workbook.xml")
        self.epoch1904 = bool(re.search(rb'date1904="(?:1|true)"', book))
        self.macros = "xl/vbaProject.bin" in package.namelist()
        targets = dict(_relations(small(package, "xl/_rels/workbook.xml.rels")))
        self.parts: dict[str, str] = {}
        for tag in re.findall(rb"<(?:\w+:)?sheet [^>]*>", book):
            name, relation = _attribute(tag, rb"name"), _attribute(tag, rb"(?:\w+:)id")
            self.parts[_unescape(name)] = targets.get(relation, "")

    def add(self, name: str, packed: dict[str, Any]) -> None:
        """Add what the XML of one sheet says."""
        packed["epoch1904"] = self.epoch1904
        if self.macros:
            packed["notes"].append(("macros", {}))
        part = self.parts.get(name)
        if not part or part not in self.package.namelist():
            return
        errors: list[tuple[int, int, str]] = []
        with self.package.open(part) as stream:
            for chunk in _overlapping(stream):
                if b'hidden="' in chunk:
                    packed["hidden_rows"] += [int(n) - 1 for n in _ROW_HIDDEN.findall(chunk)]
                    packed["hidden_columns"] += _hidden_columns(chunk)
                if b't="e"' in chunk:
                    errors += [
                        (int(r) - 1, self.grid.column_number(c.decode()), v.decode())
                        for c, r, v in _ERROR_CELL.findall(chunk)
                    ]
        _set_errors(packed, errors, self.grid.CellError, self.most)


def _relations(raw: bytes) -> Iterator[tuple[str, str]]:
    for tag in re.findall(rb"<(?:\w+:)?Relationship [^>]*>", raw):
        target = _attribute(tag, rb"Target").lstrip("/")
        yield _attribute(tag, rb"Id"), target if target.startswith("xl/") else f"xl/{target}"


def _attribute(tag: bytes, name: bytes) -> str:
    match = re.search(rb"\s" + name + rb'="([^"]*)"', tag)
    return match[1].decode("utf-8", "replace") if match else ""


def _unescape(text: str) -> str:
    for sign, plain in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(sign, plain)
    return text


def _overlapping(stream: Any, size: int = 4_000_000) -> Iterator[bytes]:
    """Chunks that end at the end of a row, so that nothing is cut in two."""
    rest = b""
    while chunk := stream.read(size):
        chunk = rest + chunk
        cut = chunk.rfind(b"</row>")
        if cut < 0:
            rest = chunk if len(chunk) < 40_000_000 else b""
            continue
        yield chunk[: cut + 6]
        rest = chunk[cut + 6 :]
    yield rest


def _hidden_columns(chunk: bytes) -> list[int]:
    columns: list[int] = []
    for tag in _COLUMN_HIDDEN.findall(chunk):
        first, last = _attribute(tag, rb"min"), _attribute(tag, rb"max")
        if first.isdigit() and last.isdigit():
            columns += range(int(first) - 1, min(int(last), int(first) + 500))
    return columns


def _set_errors(
    packed: dict[str, Any], errors: list[tuple[int, int, str]], error: Callable[[str], Any], most: int
) -> None:
    """Put error values where the fast reader left blanks; the sheet grows when errors stand at its end."""
    if not errors:
        return
    height = max(packed["height"], 1 + max(row for row, _, _ in errors))
    width = max(packed["width"], 1 + max(column for _, column, _ in errors))
    if height * width > most:
        return
    for row in packed["rows"]:
        row.extend([0] * (width - len(row)))
    packed["rows"] += [array("I", [0] * width) for _ in range(height - packed["height"])]
    packed["height"], packed["width"] = height, width
    codes: dict[str, int] = {}
    for row, column, text in errors:
        if text not in codes:
            codes[text] = len(packed["values"])
            packed["values"].append(error(text))
        packed["rows"][row][column] = codes[text]
