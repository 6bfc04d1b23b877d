"""What a matrix leaves open is taken as the user decides: marks without a day, levels, personal needs, memberships."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.domain.errors import BadInput
from app.models.base import FOREVER
from app.models.matrix import Completion, TrainingOrder
from app.models.organization import Unit
from app.models.people import Membership, Person
from app.safeguards.context import acting
from app.services import matrix_import
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.importing.books import workbook

ZONE = "Europe/Berlin"
WRITER = frozenset({("imports", "commit"), ("training", "migrate")})
MARKS = [
    ["Employee no", "Employee name", "SOP-901", "SOP-902", "SOP-903"],
    ["Z-1", "Vera Novak", "X", date(2024, 1, 15), "X"],
    ["Z-2", "Olaf Brandt", "", "X", date(2024, 2, 20)],
    ["Z-3", "Ines Moreau", "X", "X", ""],
]
SKILLS = [
    ["Employee name", "Welding", "Grinding", "Painting", "Packing"],
    ["Vera Novak", 3, 1, 4, 0],
    ["Olaf Brandt", 2, 3, 0, 1],
    ["Ines Moreau", 4, 4, 2, 3],
]
STATUS = [
    ["Employee no", "Employee name", "SOP-901", "SOP-902", "SOP-903"],
    ["Z-1", "Vera Novak", "Completed", "Not trained", "In progress"],
    ["Z-2", "Olaf Brandt", "Planned", "Completed", "Completed"],
]
BELONGING = [
    ["Employee no", "Employee name", "Job title", "Department", "SOP-901", "SOP-902"],
    ["Z-1", "Vera Novak", "Operator", "Quality control", date(2024, 1, 15), date(2024, 3, 1)],
    ["Z-2", "Olaf Brandt", "Operator", "Packaging hall", "", date(2024, 2, 20)],
    ["Z-3", "Ines Moreau", "Line mechanic", "Packaging hall", date(2024, 2, 21), ""],
]


def found_in(tmp_path: Path, rows: list[list[Any]], **choices: Any) -> tuple[matrix_import.Recognized, bytes]:
    """A workbook with one sheet, recognized with the decisions about it."""
    file = tmp_path / "matrix.xlsx"
    file.write_bytes(workbook({"Matrix": rows}))
    mapping = {"Matrix": choices} if choices else {}
    return matrix_import.read_and_recognize(file, mapping=mapping), file.read_bytes()


def changes(house: House, tmp_path: Path, rows: list[list[Any]], **choices: Any) -> dict[str, int]:
    """How many of each kind a dry run would add."""
    found, _ = found_in(tmp_path, rows, **choices)
    with acting(context_of()):
        counts = matrix_import.dry_run(house.session, found, None, ZONE).changes.counts()
    return {kind: numbers["add"] for kind, numbers in counts.items() if numbers["add"]}


def write(house: House, tmp_path: Path, rows: list[list[Any]], **choices: Any) -> bool:
    """Import it; tell whether anything changed."""
    found, data = found_in(tmp_path, rows, **choices)
    with acting(context_of(permissions=WRITER)):
        _, run = matrix_import.commit(house.session, found, data, reason="Legacy matrix", zone=ZONE)
        house.session.commit()
    return run is not None


def records(house: House) -> dict[tuple[str, str], str]:
    """Day and origin of every imported record, by person and place."""
    query = select(Person.employee_no, Completion.evidence_place, Completion.completed_at, Completion.origin)
    query = query.join(Person, Person.id == Completion.person_id).where(Completion.voided_at == FOREVER)
    with acting(context_of()):
        return {(who, place): f"{at:%Y-%m-%d} {origin}" for who, place, at, origin in house.session.execute(query)}


# --- marks without a day ---------------------------------------------------------------------------------------------


@pytest.mark.req("IMP-1", "IMP-2")
def test_marks_without_a_day_are_left_out_and_told_unless_somebody_states_the_day(house: House, tmp_path: Path) -> None:
    found, _ = found_in(tmp_path, MARKS)
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
    assert result.changes.counts()["completions"] == {"add": 2}
    (left,) = result.contents.open_ones()
    assert (left.kind, left.count, left.place, left.taken) == ("undated", 5, "Matrix!C2", False)
    assert changes(house, tmp_path, MARKS, undated_on="2025-12-31")["completions"] == 7


@pytest.mark.req("IMP-5", "21CFR11.10(e)")
def test_a_record_of_a_mark_says_that_the_file_states_no_day(house: House, tmp_path: Path) -> None:
    assert write(house, tmp_path, MARKS, undated_on="2025-12-31")
    found = records(house)
    assert found["Z-1", "Matrix!C2"] == (
        "2025-12-30 Matrix!C2 (the file states no day; 2025-12-31 was stated at the import)"
    )  # midnight in Berlin
    assert found["Z-1", "Matrix!D2"] == "2024-01-14 Matrix!D2"
    assert len(found) == 7


@pytest.mark.req("IMP-3")
def test_marks_read_again_change_nothing_whatever_day_is_stated_then(house: House, tmp_path: Path) -> None:
    write(house, tmp_path, MARKS, undated_on="2025-12-31")
    assert not write(house, tmp_path, MARKS, undated_on="2025-12-31")
    assert not write(house, tmp_path, MARKS, undated_on="2026-02-28")
    edited = [row[:] for row in MARKS]
    edited[3][4] = "X"
    assert changes(house, tmp_path, edited, undated_on="2026-02-28") == {"completions": 1}


def test_a_mark_adds_nothing_where_another_sheet_states_the_day(house: House, tmp_path: Path) -> None:
    file = tmp_path / "two.xlsx"
    dated = [MARKS[0], ["Z-1", "Vera Novak", date(2023, 5, 1), "", ""], ["Z-2", "Olaf Brandt", "", "", ""]]
    file.write_bytes(workbook({"Matrix": MARKS, "Dates": [*dated, ["Z-3", "Ines Moreau", date(2023, 5, 2), "", ""]]}))
    found = matrix_import.read_and_recognize(file, mapping={"Matrix": {"undated_on": "2025-12-31"}})
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
    days = {(held.person, held.item): held.day for held in result.contents.held.values()}
    assert days["z-1", "sop-901"] == date(2023, 5, 1)
    assert days["z-3", "sop-902"] == date(2025, 12, 31)
    assert len(days) == 7


@pytest.mark.req("IMP-6")
@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"undated_on": "2027-01-01"}, "a day in the future"),
        ({"undated_on": "last year"}, "Possible: a day such as 2026-03-01, leave_out."),
        ({"trained_from_level": "expert"}, "Possible: a level from 0 to 100, leave_out."),
        ({"personal_needs": -3}, "Possible: a number of days from 0 to 3650, leave_out."),
        ({"memberships": "yes"}, "Possible: import, leave_out."),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_in_one_sentence(
    house: House, tmp_path: Path, choices: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        changes(house, tmp_path, MARKS, **choices)


# --- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.req("IMP-1")
def test_levels_are_no_records_unless_somebody_says_from_which_level_on(house: House, tmp_path: Path) -> None:
    assert "completions" not in changes(house, tmp_path, SKILLS)
    assert "completions" not in changes(house, tmp_path, SKILLS, trained_from_level=3)  # the day is still missing
    taken = {"trained_from_level": 3, "undated_on": "2025-12-31"}
    assert changes(house, tmp_path, SKILLS, **taken)["completions"] == 6
    assert write(house, tmp_path, SKILLS, **taken)
    assert "(level 4; the file states no day" in records(house)["VERA-NOVAK", "Matrix!D2"]
    assert not write(house, tmp_path, SKILLS, **taken)


def test_a_day_beside_a_level_below_the_threshold_is_no_training(house: House, tmp_path: Path) -> None:
    rows = [
        ["Employee name", "Welding", "", "Grinding", ""],
        ["", "Level", "Date", "Level", "Date"],
        ["Vera Novak", 3, date(2024, 1, 15), 1, date(2024, 1, 16)],
        ["Olaf Brandt", 1, date(2024, 1, 17), 4, date(2024, 1, 18)],
        ["Ines Moreau", 4, date(2024, 1, 19), 2, date(2024, 1, 20)],
    ]
    assert changes(house, tmp_path, rows, trained_from_level=3)["completions"] == 3


# --- what single people need -----------------------------------------------------------------------------------------


@pytest.mark.req("MTX-5")
def test_what_a_single_person_needs_becomes_an_order_when_somebody_says_by_when(house: House, tmp_path: Path) -> None:
    assert "orders" not in changes(house, tmp_path, STATUS)
    assert write(house, tmp_path, STATUS, personal_needs=30)
    with acting(context_of()):
        query = select(TrainingOrder.due_on, TrainingOrder.source, TrainingOrder.evidence_place, TrainingOrder.suspends)
        placed = sorted(house.session.execute(query).all(), key=lambda row: row.evidence_place)
    assert [tuple(row) for row in placed] == [
        (date(2026, 4, 9), "Matrix!C3 (planned)", "Matrix!C3", False),
        (date(2026, 4, 9), "Matrix!D2 (not started)", "Matrix!D2", False),
        (date(2026, 4, 9), "Matrix!E2 (in progress)", "Matrix!E2", False),
    ]
    assert not write(house, tmp_path, STATUS, personal_needs=30)
    assert not write(house, tmp_path, STATUS, personal_needs=60)


# --- memberships -----------------------------------------------------------------------------------------------------


@pytest.mark.req("ORG-3", "IMP-2")
def test_columns_beside_the_matrix_bring_memberships_with_their_cells(house: House, tmp_path: Path) -> None:
    assert changes(house, tmp_path, BELONGING) == {
        "people": 3, "items": 2, "units": 2, "completions": 4, "memberships": 6,
    }  # fmt: skip
    assert write(house, tmp_path, BELONGING)
    query = (
        select(Person.employee_no, Unit.kind, Unit.code, Membership.evidence_place, Membership.starts_at)
        .join(Membership, Membership.person_id == Person.id)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(Person.employee_no.like("Z-%"), Membership.voided_at == FOREVER)
    )
    with acting(context_of()):
        rows = {tuple(row[:4]) for row in house.session.execute(query)}
        starts = {row.starts_at for row in house.session.execute(query)}
    assert ("Z-1", "job_function", "OPERATOR", "Matrix!C2") in rows
    assert ("Z-1", "department", "QC", "Matrix!D2") in rows
    assert ("Z-3", "job_function", "LINE-MECHANIC", "Matrix!C4") in rows
    assert ("Z-3", "department", "PACKAGING-HALL", "Matrix!D4") in rows
    assert {start.date() for start in starts} == {date(2026, 3, 9)}  # midnight of the tenth in Berlin
    assert not write(house, tmp_path, BELONGING)


def test_nobody_leaves_a_job_function_because_the_file_names_another_one(house: House, tmp_path: Path) -> None:
    rows = [*BELONGING, ["E008", "Tom Trainee", "Line mechanic", "Quality control", "", date(2024, 2, 1)]]
    found, _ = found_in(tmp_path, rows)
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
    assert result.changes.kept_memberships == 1
    assert {change.action for change in result.changes.of("memberships")} == {"add"}


def test_memberships_can_be_left_out(house: House, tmp_path: Path) -> None:
    counted = changes(house, tmp_path, BELONGING, memberships="leave_out")
    assert "memberships" not in counted
    assert "units" not in counted


def test_a_unit_that_is_named_almost_alike_is_a_question(house: House, tmp_path: Path) -> None:
    rows = [row[:] for row in BELONGING]
    rows[1][3] = "Qualty control"
    found, _ = found_in(tmp_path, rows)
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
        (question,) = result.matches.unresolved()
        decided = matrix_import.dry_run(house.session, found, {"departments:qualty control": "QC"}, ZONE)
    assert str(question["problem"]) == "No department has this name; similar ones exist."
    assert question["cell"] == "D2"
    assert {change.line["code"] for change in decided.changes.of("memberships") if change.place == "Matrix!D2"} == {
        "QC"
    }


# --- training before all versions on record --------------------------------------------------------------------------


@pytest.mark.req("IMP-2")
def test_training_before_the_first_version_on_record_is_named_and_does_not_stop_the_rest(
    house: House, tmp_path: Path
) -> None:
    assert write(house, tmp_path, BELONGING)
    rows = [row[:] for row in BELONGING]
    rows[2][4], rows[3][5] = date(2019, 6, 1), date(2025, 6, 1)
    found, _ = found_in(tmp_path, rows)
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
    assert [refused.place for refused in result.changes.refused] == ["Matrix!E3"]
    assert result.changes.counts()["completions"] == {"add": 1}
    assert write(house, tmp_path, rows)


def test_the_mapping_file_and_the_json_of_the_command_carry_the_decisions(house: House, tmp_path: Path) -> None:
    found, _ = found_in(tmp_path, MARKS, undated_on="2025-12-31")
    assert found.mapping == {"Matrix": {"undated_on": "2025-12-31"}}
    document = matrix_import.to_json(found)
    assert set(document["changes"]) >= {"requirements", "completions", "people", "items", "memberships", "orders"}
    assert json.dumps(document)
    with acting(context_of()):
        assert house.session.scalar(select(func.count()).select_from(Completion)) == 0
    assert NOW.year == 2026


# --- the same on several sheets --------------------------------------------------------------------------------------


@pytest.mark.req("IMP-1")
def test_a_name_alone_on_one_sheet_is_the_person_with_a_number_on_another(house: House, tmp_path: Path) -> None:
    file = tmp_path / "two.xlsx"
    alone = [
        ["Employee name", "Records", "Gowning", "Cleaning"],
        ["Novak, Vera", date(2024, 7, 1), "", ""],
        ["Brandt, Olaf", "", date(2024, 7, 2), ""],
        ["Moreau, Ines", "", "", date(2024, 7, 3)],
    ]
    coded = [[*MARKS[0][:2], "SOP-901 Gowning", "SOP-902 Cleaning", "SOP-903 Records"], *MARKS[1:]]
    file.write_bytes(workbook({"Matrix": coded, "Names": alone}))
    found = matrix_import.read_and_recognize(file)
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
    assert result.changes.counts()["people"] == {"add": 3}
    assert result.changes.counts()["items"] == {"add": 3}
    assert {change.what for change in result.changes.of("completions") if change.place.startswith("Names")} == {
        "Z-1 – SOP-903: 2024-07-01", "Z-2 – SOP-901: 2024-07-02", "Z-3 – SOP-902: 2024-07-03",
    }  # fmt: skip


@pytest.mark.req("IMP-2")
def test_a_name_that_two_people_of_the_file_have_is_a_question(house: House, tmp_path: Path) -> None:
    file = tmp_path / "two.xlsx"
    both = [*MARKS, ["Z-4", "Vera Novak", "", "X", "X"]]
    alone = [["Employee name", *MARKS[0][2:]], ["Vera Novak", date(2024, 7, 1), "", ""]]
    alone += [["Olaf Brandt", "", date(2024, 7, 2), ""], ["Ines Moreau", "", "", date(2024, 7, 3)]]
    file.write_bytes(workbook({"Matrix": both, "Names": alone}))
    found = matrix_import.read_and_recognize(file)
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
    (question,) = result.matches.unresolved()
    assert (question["sheet"], question["value"]) == ("Names", "Vera Novak")
    assert str(question["problem"]) == "Several of the file have this name; say which person is meant."
