"""The effect that is shown before signing is what the rule says afterwards, and showing it leaves nothing behind."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, inspect, select, text

from app.extensions import db
from app.models.trail import AuditEntry, AuditLink
from app.safeguards.context import acting
from app.services import compliance, matrix_import
from app.services.matrix_import import effects, rehearsal
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.importing.books import workbook

ZONE = "Europe/Berlin"
WRITER = frozenset({("imports", "commit"), ("training", "migrate")})
TODAY = NOW.date()
NEEDS = [
    ["Training matrix"],
    [],
    ["Job title", "SOP-901 Gowning", "SOP-902 Cleaning", "SOP-903 Records"],
    ["Operator", "X", "X", ""],
    ["Shift lead", "X", "", "X"],
]
PEOPLE = [
    ["Employee no", "Employee name", "Job title", "SOP-901", "SOP-902"],
    ["E008", "Tom Trainee", "Operator", TODAY - timedelta(days=40), ""],
    ["E009", "Tess Trainee", "Operator", "", TODAY - timedelta(days=50)],
    ["Z-1", "Vera Novak", "Operator", TODAY - timedelta(days=60), TODAY - timedelta(days=60)],
]


def recognized(folder: Path, sheets: dict[str, Any], **choices: Any) -> tuple[matrix_import.Recognized, bytes]:
    """A workbook recognized with the same decisions for all of its sheets."""
    file = folder / "matrix.xlsx"
    file.write_bytes(workbook(sheets))
    return matrix_import.read_and_recognize(file, mapping={"*": choices} if choices else {}), file.read_bytes()


def effect_in(house: House, found: matrix_import.Recognized, rights: Any = WRITER) -> rehearsal.Effect:
    """The effect that a dry run shows."""
    with acting(context_of(permissions=rights)):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
        return effects.effect_of(house.session, found, result, ZONE)


def statuses(house: House) -> dict[tuple[str, str], str]:
    """What the rule says about everybody and everything now, what is recorded but not required included."""
    with acting(context_of()):
        rows = compliance.evaluate(house.session, at=NOW, known_at=NOW, include_not_required=True)
        return {(row.employee_no, row.item): row.status for row in rows}


def commit(house: House, found: matrix_import.Recognized, data: bytes) -> None:
    with acting(context_of(permissions=WRITER)):
        matrix_import.commit(house.session, found, data, reason="Legacy matrix", zone=ZONE)
        house.session.commit()


def counted(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> Counter[str]:
    """The same numbers from the lists of obligations before and after."""
    numbers: Counter[str] = Counter()
    for pair, status in after.items():
        was = before.get(pair, "not_required")
        if was == "not_required" != status:
            numbers["new"] += 1
            numbers["qualified"] += status in ("qualified", "due_soon")
            numbers["late"] += status in ("overdue", "expired")
            numbers["to_train"] += status == "assigned"
        elif was in ("assigned", "overdue", "expired") and status in ("qualified", "due_soon"):
            numbers["cleared"] += 1
        elif was in ("qualified", "due_soon") and status in ("assigned", "overdue", "expired"):
            numbers["lost"] += 1
    return +numbers


def everything(house: House) -> dict[str, int]:
    """How many rows every table holds."""
    with house.app.app_context():
        names = inspect(db.engine).get_table_names()
        with db.engine.connect() as connection:
            return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in names}


def same(effect: rehearsal.Effect, numbers: Counter[str]) -> None:
    shown = {name: number for name, number in effect.total.as_json().items() if number}
    assert {name: number for name, number in shown.items() if name not in ("held", "dropped")} == dict(numbers)


@pytest.mark.req("IMP-2", "MTX-3")
def test_the_effect_shown_is_what_the_rule_says_after_the_import(both_houses: House, tmp_path: Path) -> None:
    found, data = recognized(tmp_path, {"Matrix": NEEDS, "People": PEOPLE})
    before, rows = statuses(both_houses), everything(both_houses)
    files = sorted(both_houses.app.config["FILE_FOLDER"].rglob("*"))
    effect = effect_in(both_houses, found)
    both_houses.session.rollback()
    assert everything(both_houses) == rows
    assert sorted(both_houses.app.config["FILE_FOLDER"].rglob("*")) == files
    assert statuses(both_houses) == before
    commit(both_houses, found, data)
    same(effect, counted(before, statuses(both_houses)))
    # Four operators of the cast and Vera need two items each, two shift leads two: 14, of which 4 are trained.
    assert (effect.total.new, effect.total.qualified, effect.total.to_train, effect.total.late) == (14, 4, 10, 0)
    operators = next(group for group in effect.functions if group.code == "OPERATOR")
    assert (operators.people, operators.outcome.new, operators.outcome.qualified) == (5, 10, 4)
    assert effect.top[0].outcome.to_train == 2


@pytest.mark.req("IMP-2")
def test_a_dry_run_that_is_committed_by_the_command_afterwards_leaves_no_link_on_the_trail(
    house: House, tmp_path: Path
) -> None:

    found, _ = recognized(tmp_path, {"Matrix": NEEDS, "People": PEOPLE})
    with acting(context_of(permissions=WRITER)):
        before = [house.session.scalar(select(func.count()).select_from(model)) for model in (AuditEntry, AuditLink)]
        result = matrix_import.dry_run(house.session, found, None, ZONE)
        effects.effect_of(house.session, found, result, ZONE)
        house.session.commit()
        after = [house.session.scalar(select(func.count()).select_from(model)) for model in (AuditEntry, AuditLink)]
    assert after == before


def test_training_that_is_too_old_is_overdue_at_once(house: House, tmp_path: Path) -> None:
    """Validity of a year, training of three years ago: required from today, and expired."""
    needs = [
        ["Job title", "SOP-901", "SOP-902", "SOP-903"],
        ["Valid (months)", 12, 12, 12],
        ["Operator", "X", "", ""],
        ["Shift lead", "", "X", ""],
    ]
    people = [["Employee no", "Employee name", "SOP-901", "SOP-902"], ["E008", "Tom Trainee", date(2023, 1, 5), ""]]
    people.append(["E006", "Sue Supervisor", "", date(2026, 1, 5)])
    found, data = recognized(tmp_path, {"Matrix": needs, "People": people})
    before = statuses(house)
    effect = effect_in(house, found)
    commit(house, found, data)
    same(effect, counted(before, statuses(house)))
    assert effect.total.qualified == 1


@pytest.mark.req("IMP-2", "IMP-6")
def test_what_an_importer_would_refuse_is_said_with_its_cell_before_the_signature(house: House, tmp_path: Path) -> None:
    people = [[*PEOPLE[0], "E-mail"], *([*row, f"somebody{n}@example.com"] for n, row in enumerate(PEOPLE[1:]))]
    people[3][-1] = "vera@home@example.com"
    found, _ = recognized(tmp_path, {"People": people})
    before = everything(house)
    effect = effect_in(house, found)
    assert "vera@home@example.com is not an e-mail address" in str(effect.refusal)
    assert 'sheet "People", cell' in str(effect.refusal)
    house.session.rollback()
    assert everything(house) == before


@pytest.mark.req("IMP-2")
def test_a_right_that_somebody_lacks_shows_although_the_effect_was_just_shown_to_somebody_who_has_it(
    house: House, tmp_path: Path
) -> None:
    found, _ = recognized(tmp_path, {"Matrix": NEEDS, "People": PEOPLE})
    assert effect_in(house, found).refusal is None
    assert effect_in(house, found, frozenset({("imports", "commit")})).refusal is not None


def test_a_large_file_is_rehearsed_for_its_first_people_and_says_so(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "PEOPLE", 3)
    found, _ = recognized(tmp_path, {"Matrix": NEEDS, "People": PEOPLE})
    effect = effect_in(house, found)
    assert effect.people == 3
    assert effect.left_out > 0
    with acting(context_of()):
        result = matrix_import.dry_run(house.session, found, None, ZONE)
    told = [str(one) for one in effects.sentences(result, effect)]
    assert any("computed for the first 3 people" in one for one in told)


def test_an_import_that_changes_nothing_has_no_effect(house: House, tmp_path: Path) -> None:
    found, data = recognized(tmp_path, {"Matrix": NEEDS, "People": PEOPLE})
    commit(house, found, data)
    effect = effect_in(house, found)
    assert effect.people == 0
    assert not any(effect.total.as_json().values())


CELLS = st.sampled_from(["", "X", "older", "recent", "R"])
STAFF = ("E008", "E009", "E006", "Z-1", "Z-2")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=5, max_size=5),
    needs=st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=2),
    again=st.booleans(),
)
def test_any_matrix_has_the_effect_that_was_shown(
    house: House, tmp_path: Path, table: list[list[str]], needs: list[list[bool]], again: bool
) -> None:
    days = {"older": TODAY - timedelta(days=800), "recent": TODAY - timedelta(days=9), "R": "Not trained"}
    people = [["Employee no", "Employee name", "Job title", "SOP-901", "SOP-902", "SOP-903"]]
    people.append(["E001", "Ada Admin", "Operator", TODAY - timedelta(days=3), "", "X"])
    for number, row in zip(STAFF, table, strict=True):
        people.append([number, f"Name {number}", "Operator", *(days.get(cell, cell) for cell in row)])
    matrix = [["Job title", "SOP-901", "SOP-902", "SOP-903"], ["Valid (months)", 12, 24, ""]]
    matrix += [
        [name, *("X" if one else "" for one in row)]
        for name, row in zip(("Operator", "Shift lead"), needs, strict=True)
    ]
    matrix.append(["Nobody", "X", "X", "X"])
    choices = {"undated_on": "2026-02-01", "personal_needs": 0}
    found, data = recognized(tmp_path, {"Matrix": matrix, "People": people}, **choices)
    with house.app.app_context():
        for _ in range(2 if again else 1):
            before = statuses(house)
            effect = effect_in(house, found)
            assert effect.refusal is None, str(effect.refusal)
            commit(house, found, data)
            same(effect, counted(before, statuses(house)))
