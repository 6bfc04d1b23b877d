"""A matrix taken back to Excel, edited and imported again: exactly the edit changes, whatever the layout."""

import io
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.domain.dates import calendar_of
from app.domain.errors import RuleBroken
from app.models.documents import Item
from app.models.importing import ImportRun
from app.models.matrix import Completion
from app.safeguards.context import acting
from app.services.matrix_import import runs, stock
from tests.acts import somebody
from tests.cast import NOW
from tests.conftest import House
from tests.importing.books import workbook
from tests.importing.generated import Known, known_matrices
from tests.importing.generated_wide import Wide, wide_matrices
from tests.importing.round_trips import LATER, ZONE, bring, opened_run, read_back, record, take_back, told

pytestmark = pytest.mark.req("IMP-4")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
ROLES = [
    ["Training matrix", "", "", ""],
    ["Job title", "SOP-901 Gowning", "SOP-902 Cleaning", "SOP-903 Records"],
    ["Sterile operator", "X", "X", "O"],
    ["Quality lead", "O", "X", "X"],
    ["Store keeper", "X", "O", "X"],
    ["Total", 2, 2, 2],
    [],
    ["Legend"],
    ["X", "required"],
    ["O", "not required"],
]
PEOPLE = [
    ["Employee no.", "Employee name", "SOP-901 Gowning", "SOP-902 Cleaning"],
    ["Z-1", "Vera Novak", date(2024, 1, 15), None],
    ["Z-2", "Olaf Brandt", None, date(2024, 2, 20)],
    ["Z-3", "Nina Kovac", date(2024, 3, 21), date(2024, 3, 22)],
]


def opened(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]


def rows_of(sheet: Any) -> list[list[Any]]:
    return [
        [getattr(value, "date", lambda value=value: value)() for value in row]
        for row in sheet.iter_rows(values_only=True)
    ]


def edited(data: bytes, changes: dict[str, Any]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    for cell, value in changes.items():
        book.worksheets[0][cell].value = value
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


# -- what is recorded now ---------------------------------------------------------------------------------------------


def test_requirements_that_began_and_ended_stand_in_the_code_of_the_sheet_and_say_since_when(house: House) -> None:
    run = bring(house.session, workbook({"Matrix": ROLES}))
    record(
        house.session,
        "requirements",
        "item,units,from,to,days_to_complete,proof",
        "SOP-903,job_function:STERILE-OPERATOR,2026-03-11,,30,read",
        "SOP-901,job_function:STORE-KEEPER,2026-03-10,2026-03-11,30,read",
    )
    written = take_back(house.session, run)
    sheet = opened(written.data)
    assert (sheet["D3"].value, sheet["B5"].value) == ("X", "O")
    assert "required since 2026-03-11" in sheet["D3"].comment.text
    assert "no longer required" in sheet["B5"].comment.text
    assert not written.notes
    plain = opened(take_back(house.session, run, marks=False).data)
    assert (plain["D3"].value, plain["D3"].comment, plain["D3"].fill.fill_type) == ("X", None, None)
    assert not told(read_back(house.session, written.data))


def test_training_stands_as_its_neighbors_write_days_and_new_people_get_rows_of_their_own(house: House) -> None:
    texts = [[cell.strftime("%d.%m.%Y") if isinstance(cell, date) else cell for cell in row] for row in PEOPLE]
    for rows, day in ((PEOPLE, date(2026, 3, 11)), (texts, "11.03.2026")):
        undo = house.session.begin_nested()
        run = bring(house.session, workbook({"People": rows}))
        _grow(house)
        written = take_back(house.session, run)
        assert rows_of(opened(written.data)) == [
            [*rows[0], "SOP-777 Brand new procedure"],
            [*rows[1][:3], day, None],
            [*rows[2], None],
            [*rows[3], None],
            ["P-777", "Nina Berg", None, None, day],
        ]
        assert not told(read_back(house.session, written.data))
        undo.rollback()
        house.session.expire_all()


def _grow(house: House) -> None:
    session = house.session
    record(session, "units", "kind,code,name", "job_function,NEW,Packaging operator")
    head = "code,title,version,approved_on,effective_on"
    record(session, "documents", head, "SOP-777,Brand new procedure,1,2026-01-01,2026-01-01")
    record(session, "people", "employee_no,name,hired_on", "P-777,Nina Berg,2026-03-01")
    members = ["Z-1,job_function,NEW,2026-03-01", "P-777,job_function,NEW,2026-03-01"]
    record(session, "memberships", "employee_no,kind,code,from", *members)
    head = "item,units,from,days_to_complete,proof"
    record(session, "requirements", head, "SOP-777,job_function:NEW,2026-03-11,30,read")
    head = "employee_no,item,completed_at,method,result"
    days = ["Z-1,SOP-902,2026-03-11,read,passed", "P-777,SOP-777,2026-03-11,read,passed"]
    record(session, "completions", head, *days)


def test_new_functions_and_items_stand_before_the_totals_and_the_legend(house: House) -> None:
    run = bring(house.session, workbook({"Matrix": ROLES}))
    session = house.session
    record(session, "units", "kind,code,name", "job_function,PACKER,Packaging operator")
    head = "code,title,version,approved_on,effective_on"
    record(session, "documents", head, "SOP-777,Brand new procedure,1,2026-01-01,2026-01-01")
    rows = ["SOP-777,job_function:QUALITY-LEAD,2026-03-11,30,read", "SOP-901,job_function:PACKER,2026-03-11,30,read"]
    record(session, "requirements", "item,units,from,days_to_complete,proof", *rows)
    written = take_back(session, run)
    shown = rows_of(opened(written.data))
    assert shown[1][4] == "SOP-777 Brand new procedure"
    assert shown[3] == ["Quality lead", "O", "X", "X", "X"]
    assert shown[5][:2] == ["Packaging operator", "X"]
    assert shown[6][:4] == ["Total", 2, 2, 2]
    assert [row[:2] for row in shown[8:]] == [["Legend", None], ["X", "required"], ["O", "not required"]]
    assert not told(read_back(session, written.data))


def test_a_withdrawn_training_leaves_its_cell_and_one_never_recorded_keeps_it(house: House) -> None:
    run = bring(house.session, workbook({"People": PEOPLE}))
    with acting(somebody(house.session, "cora", LATER)):
        fact = house.session.scalar(select(Completion).where(Completion.evidence_place == "People!C2"))
        assert fact is not None
        fact.voided_at, fact.void_reason = LATER, "entered for the wrong person"
        house.session.flush()
    sheet = opened(take_back(house.session, run).data)
    assert (sheet["C2"].value, sheet["D3"].value.date()) == (None, date(2024, 2, 20))
    assert "withdrawn" in sheet["C2"].comment.text


def test_an_import_that_nobody_signed_is_not_taken_back(house: House) -> None:
    with acting(somebody(house.session, "cora", NOW)):
        run = opened_run(house.session, workbook({"People": PEOPLE}))
        with pytest.raises(RuleBroken, match="has not been signed"):
            take_back(house.session, run)


LISTS: dict[str, tuple[list[list[Any]], list[Any]]] = {
    "long": (
        [
            ["Employee no.", "Employee name", "Course code", "Course title", "Completion date"],
            ["Z-1", "Vera Novak", "SOP-901", "Gowning", date(2024, 1, 15)],
            ["Z-2", "Olaf Brandt", "SOP-902", "Cleaning", date(2024, 2, 20)],
            ["Z-2", "Olaf Brandt", "SOP-901", "Gowning", date(2024, 2, 21)],
        ],
        ["Z-1", "Vera Novak", "SOP-902", "Cleaning", date(2026, 3, 11)],
    ),
    "block_per_person": (
        [
            ["Employee", "No.", "Course", "Date"],
            ["Vera Novak", 1, "SOP-901 Gowning", date(2024, 1, 15)],
            [None, 2, "SOP-903 Records", date(2024, 1, 16)],
            [None, 3, "SOP-904 Lifting", date(2024, 1, 16)],
            ["Olaf Brandt", 1, "SOP-902 Cleaning", date(2024, 2, 20)],
            [None, 2, "SOP-901 Gowning", date(2024, 2, 21)],
            [None, 3, "SOP-904 Lifting", date(2024, 1, 16)],
        ],
        [None, 4, "SOP-902 Cleaning", date(2026, 3, 11)],
    ),
}


@pytest.mark.parametrize("verdict", LISTS)
def test_lists_get_a_row_for_a_training_they_do_not_hold_yet(house: House, verdict: str) -> None:
    rows, expected = LISTS[verdict]
    run = bring(house.session, workbook({"Records": rows}))
    with acting(somebody(house.session, "cora", NOW)):
        assert [sheet.verdict for sheet in runs.recognized(run).reading.sheets] == [verdict]
        vera = runs.check(house.session, run, runs.recognized(run), ZONE).matches.people
    number = next(match.code for key, match in vera.items() if "vera" in key or key == "z-1")
    record(
        house.session,
        "completions",
        "employee_no,item,completed_at,method,result",
        f"{number},SOP-902,2026-03-11,read,passed",
    )
    written = take_back(house.session, run)
    shown = rows_of(opened(written.data))
    assert expected in shown
    assert [row for row in shown if row != expected] == rows
    assert not told(read_back(house.session, written.data))


def test_a_text_file_stays_one_and_reads_back_as_it_was(house: House) -> None:
    lines = ["Job title;SOP-901;SOP-902;SOP-903", "Operator;X;X;", "Analyst;;X;X", "Clerk;X;;X"]
    run = bring(house.session, "\r\n".join(lines).encode("cp1252"), "matrix.csv")
    head = "item,units,from,days_to_complete,proof"
    record(house.session, "requirements", head, "SOP-901,job_function:ANALYST,2026-03-11,30,read")
    written = take_back(house.session, run)
    assert written.suffix == "csv"
    assert written.data.decode("cp1252").split("\r\n") == [*lines[:2], "Analyst;X;X;X", lines[3], ""]
    assert not told(read_back(house.session, written.data, "matrix.csv"))


def test_layouts_without_cells_for_what_is_recorded_come_back_as_they_were_and_say_so(house: House) -> None:
    rows = [
        ["Course: SOP-901 Gowning", None, None],
        ["Date: 2024-05-13", None, None],
        ["No.", "Name", "Signature"],
        [1, "Vera Novak", "VN"],
        [2, "Olaf Brandt", "OB"],
    ]
    run = bring(house.session, workbook({"Attendance": rows}))
    written = take_back(house.session, run)
    assert rows_of(opened(written.data)) == rows
    assert [str(note) for note in written.notes] == [
        "The sheet “Attendance” stays as it was: its layout has no cells for what is recorded."
    ]


# -- whatever the layout ----------------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
@settings(max_examples=6, deadline=None, suppress_health_check=SLOW)
@given(known=known_matrices(), pick=st.data())
def test_a_generated_matrix_comes_back_and_one_edited_cell_is_all_that_changes(
    house: House, known: Known, pick: st.DataObject
) -> None:
    undo = house.session.begin_nested()
    try:
        run = bring(house.session, workbook({"Matrix": known.rows}, {"Matrix": known.merges}))
        written = take_back(house.session, run)
        assert not written.notes
        assert not told(read_back(house.session, written.data))
        _edit_one(house, run, written.data, known, pick)
    finally:
        undo.rollback()
        house.session.expire_all()


def _edit_one(house: House, run: ImportRun, data: bytes, known: Known, pick: st.DataObject) -> None:
    with acting(somebody(house.session, "cora", NOW)):
        found = runs.recognized(run)
    reading = found.reading.sheets[0]
    facts = {(fact.row, fact.column): fact for fact in reading.facts()}
    dated = [fact for fact in facts.values() if fact.day is not None]
    required = [fact for fact in facts.values() if fact.meaning == "required"]
    sheet = opened(data)
    if known.people and len(dated) > 1:
        fact = pick.draw(st.sampled_from(dated))
        # a later day: before its first training, no version of a new item is in force
        other = max(dated, key=lambda one: one.day or date.min)
        assert other.day is not None
        assert fact.day is not None
        sheet.cell(fact.row + 1, fact.column + 1).value = sheet.cell(other.row + 1, other.column + 1).value
        expected: list[tuple[str, str]] = [("add", "completions")] if other.day > fact.day else []
    elif not known.people and len(required) > 1:
        fact = pick.draw(st.sampled_from(required))
        alone = sum((one.subject == fact.subject) or (one.item == fact.item) for one in facts.values()) < 3
        if alone:
            return
        sheet.cell(fact.row + 1, fact.column + 1).value = None
        expected = [("end", "requirements")]
    else:
        return
    target = io.BytesIO()
    sheet.parent.save(target)
    assert [row[:2] for row in told(read_back(house.session, target.getvalue()))] == expected


@pytest.mark.timeout(600)
@settings(max_examples=4, deadline=None, suppress_health_check=SLOW)
@given(wide=wide_matrices())
def test_groups_pairs_levels_and_stacked_parts_come_back_with_what_is_new(house: House, wide: Wide) -> None:
    undo = house.session.begin_nested()
    try:
        run = bring(house.session, workbook({"Matrix": wide.rows}, {"Matrix": wide.merges}))
        with acting(somebody(house.session, "cora", NOW)):
            matches = runs.check(house.session, run, runs.recognized(run), ZONE).matches
        person = next(match.code for match in matches.people.values())
        item = next(match.code for match in matches.items.values())
        head = "employee_no,item,completed_at,method,result"
        record(house.session, "completions", head, f"{person},{item},2026-03-11,read,passed")
        written = take_back(house.session, run)
        assert not written.notes
        assert not told(read_back(house.session, written.data))
        if wide.kind in ("dates", "pairs"):
            assert any(date(2026, 3, 11) in row for row in rows_of(opened(written.data)))
    finally:
        undo.rollback()
        house.session.expire_all()


# -- layouts of our own -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("functions", [ROLES, [ROLES[1][:2], ["Sterile operator", "X"]]], ids=["several", "one"])
def test_job_functions_by_items_in_our_layout_read_back_exactly(house: House, functions: list[list[Any]]) -> None:
    bring(house.session, workbook({"Matrix": functions}))
    with acting(somebody(house.session, "cora", LATER)):
        data = stock.stock_copy(house.session, "functions", LATER, calendar_of(ZONE))
        found = runs.recognized(opened_run(house.session, data, "anything.xlsx"))
        items = list(house.session.scalars(select(Item.code).order_by(Item.code)))
    matrix = found.reading.sheets[0]
    assert (matrix.verdict, matrix.orientation, matrix.subject_kind) == ("role_item", "subjects_in_rows", "role")
    assert [one.code for one in matrix.items] == items
    assert {one.key for one in matrix.subjects} >= {"STERILE-OPERATOR"}
    assert matrix.cells["required"] == sum(row.count("X") for row in functions[1:6])
    assert not matrix.questions
    assert not told(read_back(house.session, data))
    sheet = opened(data)
    row = next(row for row in sheet.iter_rows() if row[0].value == "STERILE-OPERATOR")
    ended = edited(data, {next(cell for cell in row if cell.value == "X").coordinate: None})
    assert [one[:2] for one in told(read_back(house.session, ended))] == [("end", "requirements")]


def test_people_by_items_in_our_layout_read_back_exactly(house: House) -> None:
    bring(house.session, workbook({"People": PEOPLE}))
    with acting(somebody(house.session, "cora", LATER)):
        data = stock.stock_copy(house.session, "people", LATER, calendar_of(ZONE))
        matrix = runs.recognized(opened_run(house.session, data, "anything.xlsx")).reading.sheets[0]
    assert (matrix.verdict, matrix.orientation, matrix.subject_kind) == ("person_item", "subjects_in_rows", "person")
    assert {("Z-1", "Vera Novak"), ("Z-3", "Nina Kovac")} <= {(one.key, one.name) for one in matrix.subjects}
    assert matrix.cells["held_with_date"] == 4
    assert not told(read_back(house.session, data))
    row = next(row for row in opened(data).iter_rows() if row[0].value == "Z-1")
    empty = next(cell for cell in row if cell.value is None)
    added = edited(data, {empty.coordinate: date(2026, 3, 9)})
    assert told(read_back(house.session, added)) == [("add", "completions", "Z-1 – SOP-902: 2026-03-09")]


@pytest.mark.parametrize("evil", ["=cmd|' /C calc'!A0", "@SUM(A1)", "+1-1", "-2+3"])
def test_names_that_look_like_formulas_are_texts_in_every_copy(house: House, evil: str) -> None:
    run = bring(house.session, workbook({"Matrix": ROLES}))
    head = "code,title,version,approved_on,effective_on"
    record(house.session, "documents", head, f'SOP-777,"{evil}",1,2026-01-01,2026-01-01')
    head = "item,units,from,days_to_complete,proof"
    record(house.session, "requirements", head, "SOP-777,job_function:QUALITY-LEAD,2026-03-11,30,read")
    written = take_back(house.session, run)
    with acting(somebody(house.session, "cora", LATER)):
        ours = [stock.stock_copy(house.session, layout, LATER, calendar_of(ZONE)) for layout in stock.LAYOUTS]
    texts = []
    for data in (written.data, *ours):
        for sheet in openpyxl.load_workbook(io.BytesIO(data)).worksheets:
            cells = [cell for row in sheet.iter_rows() for cell in row]
            assert all(cell.data_type != "f" for cell in cells)
            texts += [cell.value for cell in cells]
    assert any(evil in str(text) for text in texts)
    assert not told(read_back(house.session, ours[0]))


def test_where_colors_say_what_is_required_the_colors_change(house: House) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Matrix"
    green = openpyxl.styles.PatternFill("solid", fgColor="FF92D050")
    for row in (
        ["Legend", "Required"],
        [],
        ["Job title", "SOP-901", "SOP-902", "SOP-903"],
        ["Sterile operator"],
        ["Quality lead"],
        ["Store keeper"],
    ):
        sheet.append(row)
    for cell in ("A1", "B4", "C4", "C5", "D5", "B6", "D6"):
        sheet[cell].fill = green
    sheet["A1"].value, sheet["B1"].value = "Required", None
    target = io.BytesIO()
    book.save(target)
    run = bring(house.session, target.getvalue())
    head = "item,units,from,to,days_to_complete,proof"
    rows = [
        "SOP-903,job_function:STERILE-OPERATOR,2026-03-11,,30,read",
        "SOP-901,job_function:STORE-KEEPER,2026-03-10,2026-03-11,30,read",
    ]
    record(house.session, "requirements", head, *rows)
    written = take_back(house.session, run)
    shown = opened(written.data)
    assert shown["D4"].fill.fgColor.rgb == "FF92D050"
    assert shown["B6"].fill.fill_type != "solid"
    assert shown["C5"].fill.fgColor.rgb == "FF92D050"
    assert not told(read_back(house.session, written.data))
