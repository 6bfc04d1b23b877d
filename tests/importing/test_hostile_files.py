"""Files that must not be opened, or that only look like spreadsheets: one clear sentence each, and nobody is hurt."""

import io
import struct
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from app.domain.errors import BadInput
from app.domain.importing import CellError
from app.services.spreadsheets import read_bytes, read_workbook
from tests.importing.books import workbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SMALL = {"Matrix": [["Name", "SOP-1"], ["Ana Lee", "x"]]}


def changed(change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A small workbook with its parts changed."""
    with zipfile.ZipFile(io.BytesIO(workbook(SMALL))) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    change(parts)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in parts.items():
            package.writestr(name, data)
    return target.getvalue()


def far_cell(parts: dict[str, bytes]) -> None:
    text = parts["xl/worksheets/sheet1.xml"].decode()
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    parts["xl/worksheets/sheet1.xml"] = text.replace("</sheetData>", far).encode()


def entities(parts: dict[str, bytes]) -> None:
    evil = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    parts["xl/sharedStrings.xml"] = evil + parts["xl/sharedStrings.xml"].split(b"?>", 1)[1]


def bomb(parts: dict[str, bytes]) -> None:
    parts["xl/media/image1.bin"] = b"0" * 60_000_000


def refused(name: str, data: bytes) -> str:
    with pytest.raises(BadInput) as refusal:
        read_bytes(name, data)
    return str(refusal.value)


@pytest.mark.req("IMP-6")
@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xlsx", b"", "a.xlsx is empty"),
        ("a.xlsx", b"%PDF-1.7 text", "a.xlsx is no spreadsheet: its content is of the kind PDF."),
        ("a.xlsx", b"Name,SOP-1\nAna,x\n", "a.xlsx is no spreadsheet: its content is of the kind text."),
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", "of the kind HTML"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "of the kind image"),
        ("a.xlsx", b"PK\x03\x04 this is no package", "a.xlsx is damaged"),
        ("a.xlsx", workbook(SMALL)[:3000], "a.xlsx is damaged"),
        ("a.xlsx", changed(entities), "declares XML entities in xl/sharedStrings.xml"),
        ("a.xlsx", changed(bomb), "would unpack to far more data"),
        ("a.xlsx", changed(far_cell), "sheet “Matrix”: the last used cell is XFD1048576"),
        ("a.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "protected with a password"),
        ("a.xls", OLE + bytes(600), "a.xls is no spreadsheet: its content is of the kind old Office."),
        ("a.docx", None, "of the kind Word"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_taken_is_refused_in_one_sentence(name: str, data: bytes | None, words: str) -> None:
    if data is None:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as package:
            package.writestr("word/document.xml", "<a/>")
        data = target.getvalue()
    sentence = refused(name, data)
    assert words in sentence
    assert "\n" not in sentence


def test_an_old_workbook_that_allocates_without_end_does_not_take_the_worker_with_it() -> None:
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIII", head, 40, 0, 0x7FFFFFFF, 0, 0, 4096, 0x7FFFFFF0, 0x7FFFFFFF, 0x7FFFFFF0, 0x7FFFFFFF)
    name = "Workbook".encode("utf-16-le")
    assert "evil.xls" in refused("evil.xls", bytes(head) + name + bytes(512))


def test_reading_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "slow.xlsx"
    path.write_bytes(workbook(SMALL))
    with pytest.raises(BadInput, match=r"slow\.xlsx could not be read within 0 seconds"):
        read_workbook(path, seconds=0)


def test_reading_can_be_cancelled_while_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "long.xlsx"
    path.write_bytes(workbook({"M": [[number, "x"] for number in range(4000)]}))
    with pytest.raises(BadInput, match="was cancelled"):
        read_workbook(path, tick=lambda done, total: False)


def test_errors_dates_hidden_rows_and_merges_survive_reading() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Größe 🧪"
    sheet["B2"], sheet["C2"], sheet["D2"] = "Name", date(2024, 2, 29), True
    sheet["B3"], sheet["C3"] = "Ana", 7.5
    sheet["B4"] = "#N/A"
    sheet["B4"].data_type = "e"
    sheet.row_dimensions[3].hidden = True
    sheet.merge_cells("B5:D5")
    sheet["C2"].comment = openpyxl.comments.Comment("see file", "QA")
    target = io.BytesIO()
    book.save(target)
    grid = read_bytes("x.xlsx", target.getvalue())[0]
    assert grid.name == "Größe 🧪"
    assert str(grid.value(1, 2))[:10] == "2024-02-29"
    assert grid.value(1, 3) is True
    assert grid.value(2, 2) == 7.5
    assert isinstance(grid.value(3, 1), CellError)
    assert grid.hidden_rows == {2}
    assert [(m.top, m.left, m.bottom, m.right) for m in grid.merges] == [(4, 1, 4, 3)]
    assert grid.comments == {(1, 2): "see file"}


@pytest.mark.parametrize(
    ("data", "cell"),
    [
        ("Name;SOP-1\nJürgen;x\n".encode("cp1252"), "Jürgen"),
        ("\ufeffName\tSOP-1\nJürgen\tx\n".encode(), "Jürgen"),
        ("Name,SOP-1\nJürgen,x\n".encode("utf-16"), "Jürgen"),
        ("sep=|\nName|SOP-1\nJürgen|x\n".encode(), "Jürgen"),
        (b'Name,SOP-1\n"Lee, Ana",x\n', "Lee, Ana"),
    ],
)
def test_text_files_are_read_whatever_their_encoding_and_delimiter(data: bytes, cell: str) -> None:
    grid = read_bytes("list.csv", data)[0]
    assert (grid.value(1, 0), grid.value(1, 1), grid.width) == (cell, "x", 2)
    assert grid.name == "list"


def test_macros_are_not_run_and_said_so() -> None:
    def macro(parts: dict[str, bytes]) -> None:
        parts["xl/vbaProject.bin"] = b"\xd0\xcf\x11\xe0 macro"

    grid = read_bytes("m.xlsm", changed(macro))[0]
    assert grid.value(1, 1) == "x"
    assert "The workbook holds macros; they were not run." in map(str, grid.notes)
