"""``qualgate export matrix``: the matrix back to Excel from the command line."""

import json
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select

from app.models.trail import AuditEntry
from app.safeguards.context import acting
from tests.cast import context_of
from tests.commands.conftest import Shell
from tests.conftest import House

MATRIX = "Job title;SOP-901;SOP-902;SOP-903\nOperator;X;X;\nAnalyst;;X;X\nClerk;X;;X\n"
COMMIT = ("--commit", "--reason", "First load", "--as", "cora")

pytestmark = pytest.mark.req("IMP-4")


def test_without_an_import_it_says_which_layouts_there_are(shell: Shell, tmp_path: Path) -> None:
    result = shell("export", "matrix", "--out", str(tmp_path / "back.xlsx"), "--as", "cora")
    assert result.exit_code == 1
    assert "No matrix has been imported yet" in result.output
    assert not (tmp_path / "back.xlsx").exists()


def test_the_last_import_comes_back_in_its_own_layout_and_reads_as_no_change(shell: Shell, tmp_path: Path) -> None:
    assert shell("import", "matrix", "matrix.csv", *COMMIT, files={"matrix.csv": MATRIX}).exit_code == 0
    result = shell("export", "matrix", "--out", str(tmp_path / "back.csv"), "--as", "cora")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "back.csv").read_text() == MATRIX
    assert "Nothing changes" in shell("import", "matrix", "back.csv", *COMMIT).output


def test_a_layout_of_ours_is_written_for_job_functions_and_for_people_and_the_trail_says_so(
    shell: Shell, house: House, tmp_path: Path
) -> None:
    assert shell("import", "matrix", "matrix.csv", *COMMIT, files={"matrix.csv": MATRIX}).exit_code == 0
    for layout, cell in (("functions", "Job function"), ("people", "Name")):
        result = shell("export", "matrix", "--stock", layout, "--out", str(tmp_path / f"{layout}.xlsx"), "--as", "cora")
        assert result.exit_code == 0, result.output
        sheet = openpyxl.load_workbook(tmp_path / f"{layout}.xlsx")["Matrix"]
        assert sheet["B3"].value == cell
    with house.app.app_context(), acting(context_of()):
        told = house.session.scalars(select(AuditEntry.after).where(AuditEntry.kind == "export")).all()
        assert [json.loads(entry or "{}")["layout"] for entry in told] == ["functions", "people"]


def test_who_may_not_import_may_not_export_the_matrix(shell: Shell, tmp_path: Path) -> None:
    result = shell("export", "matrix", "--stock", "people", "--out", str(tmp_path / "people.xlsx"), "--as", "tom")
    assert result.exit_code == 1
    assert "may not export the matrix" in result.output
