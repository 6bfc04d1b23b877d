"""``qualgate import``: dry run, commit, refusals, JSON."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.models.base import FOREVER
from app.models.importing import ImportRun
from app.models.people import Membership, Person
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from tests.cast import context_of
from tests.commands.conftest import Shell
from tests.conftest import House

PEOPLE = """employee_no,name,email,site,supervisor_no,languages,hired_on,left_on
1001,Ana Ruiz,ana@example.com,MAIN,1002,es;en,2026-03-03,
1002,Bo Lind,,MAIN,,sv,2025-01-01,2026-08-05
"""
COMMIT = ("--commit", "--reason", "First load")


def people_of(house: House, *numbers: str) -> dict[str, Person]:
    with acting(context_of()):
        found = house.session.scalars(select(Person).where(Person.employee_no.in_(numbers)))
        return {person.employee_no: person for person in found}


@pytest.mark.req("IMP-3")
def test_without_commit_nothing_is_written_and_it_says_how_to(house: House, shell: Shell) -> None:
    result = shell("import", "people", "people.csv", files={"people.csv": PEOPLE})
    assert result.exit_code == 0
    assert "person: 2 add" in result.output
    assert "--commit --reason" in result.output
    assert not people_of(house, "1001", "1002")


@pytest.mark.req("IMP-3", "21CFR11.10(e)")
def test_a_commit_writes_everything_under_a_named_operator_with_a_reason(house: House, shell: Shell) -> None:
    result = shell("import", "people", "people.csv", *COMMIT, "--as", "cora", files={"people.csv": PEOPLE})
    assert result.exit_code == 0, result.output
    people = people_of(house, "1001", "1002")
    assert people["1001"].supervisor_id == people["1002"].id
    with acting(context_of()):
        entry = house.session.scalars(
            select(AuditEntry).where(AuditEntry.table_name == "people", AuditEntry.username == "cora")
        ).first()
        assert entry is not None
        assert (entry.reason, entry.printed_name, entry.source) == ("First load", "Cora Coordinator", "cli")


@pytest.mark.req("IMP-3")
def test_the_same_file_twice_changes_nothing(house: House, shell: Shell) -> None:
    shell("import", "people", "people.csv", *COMMIT, files={"people.csv": PEOPLE})
    with acting(context_of()):
        before = house.session.scalar(select(func.count()).select_from(AuditEntry))
    result = shell("import", "people", "people.csv", *COMMIT)
    assert "Nothing changes" in result.output
    with acting(context_of()):
        assert house.session.scalar(select(func.count()).select_from(AuditEntry)) == before
        assert house.session.scalar(select(func.count()).select_from(ImportRun)) == 1


@pytest.mark.req("IMP-2", "IMP-6")
def test_every_mistake_is_named_with_its_cell_and_nothing_is_written(house: House, shell: Shell) -> None:
    bad = (
        PEOPLE.replace("ana@example.com", "no mail")
        .replace("2025-01-01", "01.01.2025")
        .replace(",MAIN,1002", ",MIAN,1002")
    )
    result = shell("import", "people", "people.csv", *COMMIT, files={"people.csv": bad})
    assert result.exit_code == 1
    assert "people.csv, cell C2: no mail is not an e-mail address." in result.output
    assert "people.csv, cell D2: there is no site MIAN. Did you mean MAIN?" in result.output
    assert "people.csv, cell G3: 01.01.2025 is not a day like 2026-08-05." in result.output
    assert not people_of(house, "1001", "1002")


@pytest.mark.req("IMP-6")
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("employee_no,name,shoe_size\n1,A B,44\n", "people.csv, cell C1: there is no column shoe_size here."),
        ("name\nA B\n", "people.csv: the column employee_no is missing."),
        ("", "people.csv is empty."),
        (b"\x00\x01\x02\x03", "people.csv"),
        ("employee_no,name\n1,A B,surplus\n", "people.csv, cell C2: surplus stands beyond the last named column."),
        ("employee_no,name\n1,\n", "people.csv, cell B2: the cell is empty."),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_in_one_sentence(
    shell: Shell, content: str | bytes, sentence: str
) -> None:
    result = shell("import", "people", "people.csv", *COMMIT, files={"people.csv": content})
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_commit_without_a_reason_is_refused_in_one_line(shell: Shell) -> None:
    result = shell("import", "people", "people.csv", "--commit", files={"people.csv": PEOPLE})
    assert result.exit_code == 2
    assert len(result.output.strip().splitlines()) == 1
    assert "--reason" in result.output


@pytest.mark.req("SEC-1")
def test_an_operator_without_the_permission_is_refused(house: House, shell: Shell) -> None:
    result = shell("import", "people", "people.csv", *COMMIT, "--as", "tom", files={"people.csv": PEOPLE})
    assert result.exit_code == 1
    assert "Tom Trainee may not write imports." in result.output
    assert not people_of(house, "1001")


@pytest.mark.req("IMP-5")
def test_only_a_migrator_may_claim_when_a_record_was_entered(house: House, shell: Shell) -> None:
    with acting(context_of()):
        documents = "code,title,version,approved_on,effective_on\nSOP-1,One,1,2025-01-01,2025-02-01\n"
    shell("import", "documents", "documents.csv", *COMMIT, files={"documents.csv": documents})
    rows = "employee_no,item,completed_at,recorded_at\nE008,SOP-1,2025-03-12,2025-04-20\n"
    refused = shell("import", "completions", "c.csv", "--as", "quinn", "--dry-run", files={"c.csv": rows})
    assert refused.exit_code == 1
    assert "c.csv, cell D2: only somebody with the permission to migrate" in refused.output
    taken = shell("import", "completions", "c.csv", "--as", "cora", "--dry-run")
    assert taken.exit_code == 0


def test_json_holds_counts_changes_and_errors(shell: Shell) -> None:
    good = json.loads(shell("import", "people", "people.csv", "--json", files={"people.csv": PEOPLE}).stdout)
    assert good["changes"] == {"person": {"add": 2}, "employment": {"add": 2}}
    assert good["committed"] is False
    assert {detail["action"] for detail in good["details"]} == {"add"}
    bad = shell("import", "people", "people.csv", "--json", files={"people.csv": "employee_no,name\n1,\n"})
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["errors"][0] == {
        "place": "people.csv, cell B2",
        "row": 2,
        "column": "name",
        "value": "",
        "problem": "the cell is empty.",
    }


@pytest.mark.req("ORG-3")
def test_to_is_the_first_day_after_in_the_zone_of_the_home_site(house: House, shell: Shell) -> None:
    rows = "employee_no,kind,code,from,to\nE012,department,STERILE,2026-03-03,2026-08-05\n"
    assert shell("import", "memberships", "m.csv", *COMMIT, files={"m.csv": rows}).exit_code == 0
    with acting(context_of()):
        row = house.session.scalars(select(Membership).order_by(Membership.id.desc())).first()
        assert row is not None
        # the main site is in Berlin: 3 March 00:00 is 23:00 UTC the day before, 5 August 00:00 is 22:00 UTC
        assert row.starts_at == datetime(2026, 3, 2, 23, tzinfo=UTC)
        assert row.ends_at == datetime(2026, 8, 4, 22, tzinfo=UTC)
        assert row.evidence_place == "row 2"


@pytest.mark.req("ORG-3")
def test_another_end_restates_the_membership_and_keeps_the_old_statement(house: House, shell: Shell) -> None:
    rows = "employee_no,kind,code,from,to\nE012,department,STERILE,2026-03-03,\n"
    shell("import", "memberships", "m.csv", *COMMIT, files={"m.csv": rows})
    ended = rows.replace("2026-03-03,", "2026-03-03,2026-08-05")
    result = shell("import", "memberships", "m.csv", *COMMIT, files={"m.csv": ended})
    assert "1 end" in result.output
    with acting(context_of()):
        old, new = house.session.scalars(select(Membership).order_by(Membership.id.desc()).limit(2)).all()[::-1]
        assert old.ends_at == FOREVER
        assert old.voided_at == new.recorded_at < FOREVER
        assert new.replaces_id == old.id
        assert old.void_reason == "First load"
