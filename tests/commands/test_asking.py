"""``qualgate compliance``: the contract of its JSON, days and instants, filters, formats."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cast import NOW
from tests.commands.conftest import Shell
from tests.conftest import House

COMMIT = ("--commit", "--reason", "Set up", "--as", "cora")
KEYS = [
    *("employee_no", "person", "item", "required_version", "status"),
    *("due_on", "completed_on", "completed_version", "reasons", "explanation"),
]


@pytest.fixture
def matrix(house: House, shell: Shell) -> Iterator[Shell]:
    """SOP-1 for operators, 14 days, yearly; Tom was trained on 12 March 2025, Tess never, Ivan of his own accord."""
    house.app.config["CLOCK"] = lambda: NOW
    documents = "code,title,type,version,approved_on,effective_on\nSOP-1,Gowning,SOP,1,2025-01-01,2025-01-15\n"
    rows = "item,units,from,recurrence_months,days_to_complete\nSOP-1,job_function:OPERATOR,2025-03-03,12,14\n"
    done = "employee_no,item,completed_at\nE008,SOP-1,2025-03-12\nE007,SOP-1,2025-03-12\n"
    for kind, text in (("documents", documents), ("requirements", rows), ("completions", done)):
        result = shell("import", kind, f"{kind}.csv", *COMMIT, files={f"{kind}.csv": text})
        assert result.exit_code == 0, result.output
    yield shell
    house.app.config.pop("CLOCK", None)


def asked(shell: Shell, *arguments: str) -> dict[str, dict[str, Any]]:
    result = shell("compliance", *arguments)
    assert result.exit_code == 0, result.output
    return {row["employee_no"]: row for row in json.loads(result.stdout)}


@pytest.mark.req("MTX-3", "MTX-4")
def test_json_has_the_keys_of_the_contract_and_explains_itself(matrix: Shell) -> None:
    rows = asked(matrix, "--as-of", "2025-03-10", "--function", "OPERATOR")
    assert list(rows["E008"]) == KEYS
    assert (rows["E009"]["status"], rows["E009"]["due_on"]) == ("assigned", "2025-03-17")
    assert rows["E009"]["reasons"][0]["kind"] == "requirement"
    assert "Operator" in rows["E009"]["explanation"]


@pytest.mark.req("MTX-3")
@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2025-03-11T22:59:59+00:00", "assigned"),  # the day of training begins at 23:00 UTC at the site in Berlin
        ("2025-03-11T23:00:00+00:00", "qualified"),
        ("2025-03-12", "qualified"),
        ("2026-02-10", "qualified"),
        ("2026-02-11", "due_soon"),
        ("2026-03-12", "due_soon"),
        ("2026-03-13", "expired"),
    ],
)
def test_a_day_is_its_first_instant_and_an_instant_is_exact(matrix: Shell, at: str, status: str) -> None:
    assert asked(matrix, "--as-of", at, "--person", "E008")["E008"]["status"] == status


@pytest.mark.req("MTX-3")
def test_known_at_leaves_out_what_was_entered_later(matrix: Shell) -> None:
    assert asked(matrix, "--as-of", "2025-06-01", "--person", "E009")["E009"]["status"] == "overdue"
    assert asked(matrix, "--as-of", "2025-06-01", "--known-at", "2025-06-01") == {}


def test_all_adds_training_that_nobody_asked_for(matrix: Shell) -> None:
    assert "E007" not in asked(matrix, "--as-of", "2025-06-01")
    assert asked(matrix, "--as-of", "2025-06-01", "--all")["E007"]["status"] == "not_required"


@pytest.mark.parametrize(("form", "start"), [("csv", b"\xef\xbb\xbfEmployee"), ("xlsx", b"PK"), ("pdf", b"%PDF-")])
def test_other_formats_go_to_a_file(matrix: Shell, tmp_path: Any, form: str, start: bytes) -> None:
    out = tmp_path / f"answer.{form}"
    assert matrix("compliance", "--format", form, "--out", str(out)).exit_code == 0
    assert out.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--as-of", "12.03.2026"), "is neither a day like 2026-08-05 nor an instant"),
        (("--as-of", "2026-03-12T10:00"), "lacks its offset from UTC"),
        (("--person", "E999"), "There is no person E999."),
        (("--function", "PILOT"), "There is no job function PILOT."),
        (("--item", "SOP-9"), "There is no item SOP-9."),
        (("--as", "nobody"), "There is no login nobody."),
        (("--format", "doc"), "'doc' is not one of"),
    ],
)
def test_bad_input_ends_with_one_clear_line(matrix: Shell, arguments: tuple[str, ...], sentence: str) -> None:
    result = matrix("compliance", *arguments)
    assert result.exit_code != 0
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.req("CLI-1")
def test_an_operator_sees_only_his_clients_items(matrix: Shell) -> None:
    documents = "code,title,version,client,approved_on,effective_on\nB-SOP,Beta,1,BETA,2025-01-01,2025-01-15\n"
    matrix("import", "documents", "d.csv", *COMMIT, files={"d.csv": documents})
    rows = "item,units,from\nB-SOP,job_function:OPERATOR,2025-03-03\n"
    matrix("import", "requirements", "r.csv", *COMMIT, files={"r.csv": rows})
    everything = json.loads(matrix("compliance", "--as", "quinn").stdout)
    acme_only = json.loads(matrix("compliance", "--as", "axel").stdout)
    assert {row["item"] for row in everything} == {"SOP-1", "B-SOP"}
    assert {row["item"] for row in acme_only} == {"SOP-1"}
