"""``qualgate import matrix``: decisions in the mapping file, what is left out, the effect on compliance."""

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from app.models.matrix import Completion
from app.safeguards.context import acting
from tests.cast import context_of
from tests.commands.conftest import Shell
from tests.conftest import House
from tests.importing.books import workbook

NEEDS = [
    ["Job title", "SOP-901", "SOP-902", "SOP-903"],
    ["Operator", "X", "X", ""],
    ["Shift lead", "X", "", "X"],
    ["QA specialist", "", "X", "X"],
]
PEOPLE = [
    ["Employee no", "Employee name", "SOP-901", "SOP-902", "SOP-903"],
    ["E008", "Tom Trainee", "X", date.today() - timedelta(days=30), ""],
    ["E009", "Tess Trainee", "X", "", "In progress"],
]
FILE = {"matrix.xlsx": workbook({"Needs": NEEDS, "People": PEOPLE})}


@pytest.mark.req("IMP-2")
def test_the_dry_run_tells_what_is_left_out_and_the_true_effect(house: House, shell: Shell) -> None:
    result = shell("import", "matrix", "matrix.xlsx", "--json", files=FILE)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["changes"]["completions"] == {"add": 1}
    assert found["changes"]["orders"] == {"add": 0}
    assert found["left_out"] == [
        "Sheet “People”: 2 cells say “trained” without a day. They are left out, because a record needs its day.",
        "Sheet “People”: one cell asks a single person for training. It is left out.",
    ]
    # four operators, two leads and two specialists of the cast need two items each; Tom is trained on one of his
    assert (found["effect"]["newly_required"], found["effect"]["met_at_once"]) == (16, 1)
    assert found["effect"]["refusal"] is None
    operators = next(one for one in found["effect"]["job_functions"] if one["code"] == "OPERATOR")
    assert (operators["people"], operators["newly_required"]) == (4, 8)
    assert "16 items become newly required" in shell("import", "matrix", "matrix.xlsx").output


@pytest.mark.req("IMP-1", "IMP-3")
def test_decisions_of_the_mapping_file_are_imported_once(house: House, shell: Shell) -> None:
    mapping = '["People"]\nundated_on = "2025-12-31"\npersonal_needs = 14\n'
    files = {**FILE, "mapping.toml": mapping}
    arguments = ("import", "matrix", "matrix.xlsx", "--mapping", "mapping.toml", "--commit", "--reason", "First load")
    result = shell(*arguments, "--json", files=files)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["changes"]["completions"] == {"add": 3}
    assert found["changes"]["orders"] == {"add": 1}
    assert found["left_out"] == []
    assert "Nothing changes" in shell(*arguments).output
    with acting(context_of()):
        assert house.session.scalar(select(func.count()).select_from(Completion)) == 3


@pytest.mark.req("IMP-6")
def test_a_decision_that_is_not_possible_is_refused_in_one_line(shell: Shell) -> None:
    files = {**FILE, "mapping.toml": '["People"]\nundated_on = "soon"\n'}
    result = shell("import", "matrix", "matrix.xlsx", "--mapping", "mapping.toml", files=files)
    assert result.exit_code == 1
    assert "undated_on: soon is not possible. Possible: a day such as 2026-03-01, leave_out." in result.output
