"""A report in three formats: nothing that a spreadsheet would run, the frame of RPT-4, one digest."""

import csv
import io
from datetime import UTC, date, datetime
from hashlib import sha256

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from app.reports.tables import Column, Report, Section
from app.reports.writing import write

PRINTABLE = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)


def report(rows: list[tuple[object, ...]], columns: tuple[str, ...] = ("No.", "Name", "Due")) -> Report:
    return Report(
        "Training compliance",
        (Section("People", tuple(Column(title) for title in columns), rows),),
        filters=(("Function", "OPERATOR"),),
        as_of=datetime(2026, 3, 1, 12, tzinfo=UTC),
        produced_at=datetime(2026, 3, 10, 9, tzinfo=UTC),
        produced_by="Quinn Quality (quinn)",
        zone="Europe/Berlin",
        trail_head="17-0123456789abcdef",
        file_name="compliance",
    )


def pdf_text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


@pytest.mark.req("RPT-4")
def test_every_page_says_what_was_asked_when_by_whom_and_which_page_it_is() -> None:
    file = write(report([(number, f"Person {number}", date(2026, 3, 12)) for number in range(300)]), "pdf")
    reader = PdfReader(io.BytesIO(file.data))
    pages = [page.extract_text() for page in reader.pages]
    assert len(pages) > 3
    for text in ("Function: OPERATOR", "As of: 2026-03-01 13:00+01:00", "Produced by: Quinn Quality (quinn)"):
        assert text in pages[0]
    assert file.digest in pages[0].replace("\n", "")
    for number, text in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in text
        assert file.digest[:16] in text
        assert "17-0123456789abcdef" in text
        assert "Name" in text


@pytest.mark.req("RPT-4")
def test_the_digest_is_that_of_the_content_and_the_same_in_every_format() -> None:
    paper = report([(1, "Ana", date(2026, 3, 12)), (2, "Bo", None)])
    printed = paper.rendered()
    expected = sha256("".join(f"{line}\n" for line in printed.content_lines()).encode()).hexdigest()
    assert {write(paper, form).digest for form in ("pdf", "xlsx", "csv")} == {expected}
    other = report([(1, "Ana", date(2026, 3, 12)), (2, "Bo", date(2026, 3, 13))])
    assert write(other, "csv").digest != expected


@pytest.mark.req("ASVS-1.2.10", "SEC-3")
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["=", "+", "-", "@", "\t", "\r", ""]), PRINTABLE), min_size=1, max_size=6))
def test_no_cell_starts_a_formula_in_any_export(cells: list[tuple[str, str]]) -> None:
    rows = [(start + text, "x", None) for start, text in cells]
    body = write(report(rows), "csv").data.decode("utf-8-sig")
    for row in csv.reader(io.StringIO(body, newline="")):
        for cell in row:
            assert not cell.startswith(("=", "@", "\t", "\r"))
            assert not cell.startswith(("+", "-")) or cell[1:].replace(".", "", 1).isdigit()
    sheet = openpyxl.load_workbook(io.BytesIO(write(report(rows), "xlsx").data)).worksheets[0]
    for line in sheet.iter_rows():
        assert all(cell.data_type != "f" for cell in line)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(PRINTABLE, PRINTABLE), min_size=1, max_size=8))
def test_excel_and_csv_hold_every_text_as_it_was(rows: list[tuple[str, str]]) -> None:
    lines = [(first, second, None) for first, second in rows]
    sheet = openpyxl.load_workbook(io.BytesIO(write(report(lines), "xlsx").data)).worksheets[0]
    back = [tuple(cell.value or "" for cell in line[:2]) for line in list(sheet.iter_rows())[1:]]
    assert back[: len(rows)] == list(rows)[: len(back)]
    body = list(csv.reader(io.StringIO(write(report(lines), "csv").data.decode("utf-8-sig"), newline="")))
    assert [tuple(cell.removeprefix("'") for cell in row[:2]) for row in body[1 : len(rows) + 1]] == [
        tuple(cell.removeprefix("'") for cell in row) for row in rows
    ]


def test_a_day_is_a_day_and_a_number_a_number_in_excel() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(write(report([(7, "Ana", date(2026, 3, 12))]), "xlsx").data)).worksheets[
        0
    ]
    assert [cell.value for cell in sheet[2]] == [7, "Ana", datetime(2026, 3, 12)]


def test_names_in_other_scripts_are_printed() -> None:
    text = pdf_text(write(report([(1, "Łukasz Świątek · Жанна · Ὀδυσσεύς", None)]), "pdf").data)
    assert "Łukasz Świątek" in text
    assert "Жанна" in text


def test_a_long_cell_is_broken_into_lines_and_a_long_word_is_cut() -> None:
    text = pdf_text(write(report([(1, "word " * 80 + "x" * 300, None)]), "pdf").data)
    assert text.count("word") == 80
    assert text.replace("\n", "").count("x") >= 300


@pytest.mark.req("RPT-4")
def test_ten_thousand_rows_keep_every_row() -> None:
    rows = [(number, f"Person {number}", "qualified") for number in range(10_000)]
    data = write(report(rows, ("No.", "Name", "Status")), "pdf").data
    reader = PdfReader(io.BytesIO(data))
    assert "Person 9999" in reader.pages[-1].extract_text()
    assert f"of {len(reader.pages)}" in reader.pages[0].extract_text()
