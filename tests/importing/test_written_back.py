"""Changes written into a stranger's workbook: everything else of it stays, and nothing in it can run."""

import csv
import io
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule, FormulaRule
from openpyxl.styles import Font, PatternFill
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation

from app.domain.importing import make_grid
from app.services import spreadsheets_writing
from app.services.spreadsheets import read_bytes
from app.services.spreadsheets_writing import CellEdit, SheetEdits, Written, write_into, write_values
from tests.importing.books import workbook

EVIL = ["=cmd|' /C calc'!A0", "@SUM(A1:A9)", "+1-1", "-2+3", "\t=1+1", "\r=1+1", "=1+1", "'=1", "''+x"]


def write(data: bytes, edits: SheetEdits, name: str = "matrix.xlsx", sheet: str = "Matrix", **more: Any) -> Written:
    return write_into(data, name, read_bytes(name, data), {sheet: edits}, **more)


def opened(written: Written) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(written.data))


def rich_book() -> openpyxl.Workbook:
    """A matrix as companies format it: title merged, widths, frozen panes, formats, comments, hidden rows, formulas."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Matrix"
    sheet["A1"] = "Training matrix"
    sheet.merge_cells("A1:D1")
    sheet["A1"].font = Font(bold=True, size=18)
    for column, text in enumerate(["Job title", "SOP-901", "SOP-902", "Total"], 1):
        sheet.cell(3, column, text).fill = PatternFill("solid", fgColor="FF123456")
    for row, line in enumerate([["Operator", "X", "X"], ["Analyst", None, "X"], ["Clerk", "X", None]], 4):
        for column, value in enumerate(line, 1):
            sheet.cell(row, column, value)
        sheet.cell(row, 4, f"=COUNTA(B{row}:C{row})")
        sheet.cell(row, 2).number_format = "dd/mm/yyyy"
    sheet["A7"], sheet["B7"] = "Total", "=COUNTA(B4:B6)"
    sheet["B5"].comment = Comment("asked by audit", "Ana")
    sheet.column_dimensions["A"].width, sheet.column_dimensions["C"].width = 33, 7
    sheet.row_dimensions[6].hidden = True
    sheet.row_dimensions[7].height = 40
    sheet.freeze_panes = "B4"
    sheet.auto_filter.ref = "A3:D6"
    sheet.conditional_formatting.add("B4:C6", CellIsRule(operator="equal", formula=['"X"'], font=Font(bold=True)))
    check = DataValidation(type="list", formula1='"X,O"')
    check.add("B4:C6")
    sheet.add_data_validation(check)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def with_parts(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    change(parts)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name, part)
    return target.getvalue()


@pytest.mark.req("IMP-4")
def test_one_changed_cell_leaves_the_looks_of_the_workbook_as_they_were() -> None:
    edit = CellEdit("X", "changed", "required since 2026-11-01")
    sheet = opened(write(saved(rich_book()), SheetEdits(cells={(4, 1): edit})))["Matrix"]
    assert sheet["B5"].value == "X"
    assert sheet["B5"].fill.fgColor.rgb == "FFCBEFD3"
    assert sheet["B5"].comment.text == "asked by audit\nrequired since 2026-11-01"
    assert [str(one) for one in sheet.merged_cells.ranges] == ["A1:D1"]
    assert (sheet.column_dimensions["A"].width, sheet.freeze_panes, sheet.auto_filter.ref) == (33, "B4", "A3:D6")
    assert (sheet.row_dimensions[6].hidden, sheet.row_dimensions[7].height) == (True, 40)
    assert (sheet["A1"].font.bold, sheet["A1"].font.size) == (True, 18)
    assert sheet["A3"].fill.fgColor.rgb == "FF123456"
    assert [str(one.sqref) for one in sheet.conditional_formatting] == ["B4:C6"]
    assert [str(one.sqref) for one in sheet.data_validations.dataValidation] == ["B4:C6"]


@pytest.mark.req("IMP-4")
def test_new_rows_and_columns_look_like_their_neighbors_and_everything_behind_them_moves_along() -> None:
    edits = SheetEdits(rows=[(6, 2, 5)], columns=[(3, 1, 2)])
    edits.cells = {(6, 0): CellEdit("Buyer"), (7, 0): CellEdit("Planner"), (2, 3): CellEdit("SOP-903")}
    sheet = opened(write(saved(rich_book()), edits))["Matrix"]
    assert [sheet.cell(row, 1).value for row in range(3, 10)] == [
        "Job title", "Operator", "Analyst", "Clerk", "Buyer", "Planner", "Total"
    ]  # fmt: skip
    assert [sheet.cell(3, column).value for column in range(1, 6)] == [
        "Job title", "SOP-901", "SOP-902", "SOP-903", "Total"
    ]  # fmt: skip
    assert sheet["D3"].fill.fgColor.rgb == "FF123456"
    assert sheet["B7"].number_format == "dd/mm/yyyy"
    assert (sheet.row_dimensions[9].height, sheet.row_dimensions[7].height) == (40, None)
    assert (sheet.column_dimensions["C"].width, sheet.column_dimensions["D"].width) == (7, 7)
    assert [str(one.sqref) for one in sheet.conditional_formatting] == ["B4:D8"]
    assert sheet.auto_filter.ref == "A3:E8"
    assert sheet["B5"].comment.text == "asked by audit"
    assert [str(one) for one in sheet.merged_cells.ranges] == ["A1:E1"]


@pytest.mark.req("IMP-4")
def test_formulas_become_the_values_last_calculated_and_only_web_links_stay() -> None:
    def with_cache(parts: dict[str, bytes]) -> None:
        xml = parts["xl/worksheets/sheet1.xml"]
        xml = xml.replace(b"<f>COUNTA(B4:C4)</f><v></v>", b"<f>COUNTA(B4:C4)</f><v>2</v>").replace(
            b"<f>COUNTA(B4:C4)</f><v />", b"<f>COUNTA(B4:C4)</f><v>2</v>"
        )
        link = b'<c r="C7" t="str"><f>HYPERLINK("https://dms.example/7","SOP")</f><v>SOP</v></c></row></sheetData>'
        parts["xl/worksheets/sheet1.xml"] = xml.replace(b"</row></sheetData>", link)

    book = rich_book()
    sheet = book["Matrix"]
    sheet["A4"].hyperlink = "file:///c:/secret.txt"
    sheet["A5"].hyperlink = "https://example.org/sop"
    sheet.conditional_formatting.add("A4:A6", FormulaRule(formula=["[1]Other!$A$1=1"], font=Font(bold=True)))
    book.defined_names["Evil"] = DefinedName("Evil", attr_text="[1]Other!$A$1")
    written = write(with_parts(saved(book), with_cache), SheetEdits(cells={(4, 1): CellEdit("X")}))
    copy = opened(written)["Matrix"]
    assert copy["D4"].value == 2
    assert copy["C7"].hyperlink.target == "https://dms.example/7"
    assert copy["A5"].hyperlink.target == "https://example.org/sop"
    assert copy["A4"].hyperlink is None
    assert copy["A4"].value == "Operator"
    assert not opened(written).defined_names
    with zipfile.ZipFile(io.BytesIO(written.data)) as package:
        whole = b"".join(package.read(name) for name in package.namelist())
        assert b"<f>" not in package.read("xl/worksheets/sheet1.xml")
    assert b"[1]" not in whole
    assert b"secret" not in whole
    assert any("Links to other files" in str(note) for note in written.notes)


@pytest.mark.req("IMP-4")
def test_macros_are_left_out_and_said_so() -> None:
    def macro(parts: dict[str, bytes]) -> None:
        parts["xl/vbaProject.bin"] = b"\xd0\xcf\x11\xe0 macro"

    data = with_parts(workbook({"Matrix": [["Name", "SOP-1"], ["Ana", "x"]]}), macro)
    written = write(data, SheetEdits(cells={(1, 1): CellEdit("y")}), "matrix.xlsm")
    assert written.suffix == "xlsx"
    assert any("macros" in str(note) for note in written.notes)
    with zipfile.ZipFile(io.BytesIO(written.data)) as package:
        assert "xl/vbaProject.bin" not in package.namelist()


@pytest.mark.req("IMP-4")
@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_live_formula(text: str) -> None:
    data = workbook({"Matrix": [["Name", "SOP-1"], [text, "x"]]})
    written = write(data, SheetEdits(cells={(1, 1): CellEdit(text)}))
    for cell in opened(written)["Matrix"][2]:
        assert cell.data_type == "s"
        assert cell.quotePrefix == (text[0] in "=+-@\t\r")
    assert [read_bytes("x.xlsx", written.data)[0].value(1, c) for c in (0, 1)] == [text, text]


@pytest.mark.req("IMP-4")
@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(
        st.one_of(st.sampled_from(EVIL), st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)),
        min_size=2,
        max_size=4,
    ),
    delimiter=st.sampled_from(",;\t"),
)
def test_a_text_file_keeps_delimiter_and_texts_and_no_cell_of_it_starts_a_formula(
    texts: list[str], delimiter: str
) -> None:
    data = "\n".join(delimiter.join(f"cell{row}{column}" for column in range(4)) for row in range(8)).encode()
    edits = SheetEdits(cells={(position + 1, 1): CellEdit(text) for position, text in enumerate(texts)})
    written = write(data, edits, "matrix.csv", "matrix")
    assert written.suffix == "csv"
    first = written.data.decode("utf-8").split("\n", 1)[0]
    assert first.rstrip("\r") == delimiter.join(f"cell0{column}" for column in range(4))
    again = read_bytes("matrix.csv", written.data)[0]
    expected = [text if text.strip(" \u00a0\u200b\ufeff\t\r\n") else None for text in texts]
    assert [again.value(position + 1, 1) for position in range(len(texts))] == expected
    for row in csv.reader(io.StringIO(written.data.decode("utf-8"), newline=""), delimiter=delimiter):
        for cell in row:
            assert len(cell) < 2 or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_legacy_encoding_stays_where_it_has_the_signs_and_becomes_utf_8_where_not() -> None:
    data = "Name;SOP-1\r\nJürgen Groß;x\r\nÄnne Müller;x\r\n".encode("cp1252")
    kept = write(data, SheetEdits(cells={(1, 1): CellEdit("ü")}), "m.csv", "m")
    assert kept.data == "Name;SOP-1\r\nJürgen Groß;ü\r\nÄnne Müller;x\r\n".encode("cp1252")
    wide = write(data, SheetEdits(cells={(1, 1): CellEdit("訓練")}), "m.csv", "m")
    assert wide.data.decode("utf-8-sig").splitlines()[1] == "Jürgen Groß;訓練"
    assert any("UTF-8" in str(note) for note in wide.notes)


def test_merges_without_end_do_not_hurt_the_worker_and_the_values_are_written_anyway() -> None:
    def gigantic(parts: dict[str, bytes]) -> None:
        xml = parts["xl/worksheets/sheet1.xml"]
        merge = b'</sheetData><mergeCells count="1"><mergeCell ref="A5:XFD1048576"/></mergeCells>'
        parts["xl/worksheets/sheet1.xml"] = xml.replace(b"</sheetData>", merge)

    data = with_parts(workbook({"Matrix": [["Name", "SOP-1"], ["Ana", "x"]]}), gigantic)
    written = write(data, SheetEdits(cells={(1, 1): CellEdit("y")}))
    assert opened(written)["Matrix"]["B2"].value == "y"
    assert any("too large to be edited" in str(note) for note in written.notes)


def test_tens_of_thousands_of_merges_are_kept() -> None:
    def many(parts: dict[str, bytes]) -> None:
        xml = parts["xl/worksheets/sheet1.xml"]
        cells = b"".join(b'<mergeCell ref="D%d:E%d"/>' % (row, row) for row in range(10, 57_903))
        merges = b'</sheetData><mergeCells count="57893">' + cells + b"</mergeCells>"
        parts["xl/worksheets/sheet1.xml"] = xml.replace(b"</sheetData>", merges)

    data = with_parts(workbook({"Matrix": [["Name", "SOP-1"], ["Ana", "x"]]}), many)
    grids = [make_grid("Matrix", [["Name", "SOP-1"], ["Ana", "x"]])]
    edits = SheetEdits(rows=[(2, 1, 1)], cells={(2, 0): CellEdit("Bob")})
    written = write_into(data, "matrix.xlsx", grids, {"Matrix": edits})
    assert not written.notes
    with zipfile.ZipFile(io.BytesIO(written.data)) as package:
        xml = package.read("xl/worksheets/sheet1.xml")
    assert xml.count(b"<mergeCell ") == 57_893
    assert b'ref="D11:E11"' in xml


def test_what_cannot_be_edited_within_the_limits_is_written_from_its_values() -> None:
    data = saved(rich_book())
    written = write(data, SheetEdits(cells={(4, 1): CellEdit("X", "changed", "why")}), seconds=0)
    sheet = opened(written)["Matrix"]
    assert (sheet["B5"].value, sheet["B5"].comment.text) == ("X", "why")
    assert [str(one) for one in sheet.merged_cells.ranges] == ["A1:D1"]
    assert sheet.row_dimensions[6].hidden
    assert written.notes


def test_a_large_file_is_written_row_by_row_with_its_values_and_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets_writing, "LARGE", 10)
    grids = read_bytes("x.xlsx", saved(rich_book()))
    edits = SheetEdits(rows=[(6, 1, 5)], cells={(6, 0): CellEdit("Buyer"), (4, 1): CellEdit("X", "changed", "why")})
    sheet = openpyxl.load_workbook(io.BytesIO(write_values(grids, {"Matrix": edits})))["Matrix"]
    assert [sheet.cell(row, 1).value for row in range(3, 9)] == [
        "Job title", "Operator", "Analyst", "Clerk", "Buyer", "Total"
    ]  # fmt: skip
    assert (sheet["B5"].value, sheet["B5"].comment.text, sheet["C4"].value) == ("X", "why", "X")
