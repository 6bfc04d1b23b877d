"""The reports themselves, asked through the pages by people of the cast."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.models.trail import AuditEntry
from app.reports import catalog
from app.safeguards.context import acting
from app.services import importing
from app.services.importing import commit
from app.services.importing.reading import read_table
from tests.cast import NOW, context_of
from tests.conftest import House

DOCUMENTS = """code,title,type,version,revision_class,approved_on,effective_on
SOP-1,Gowning,SOP,1,major,2025-06-01,2025-06-15
SOP-1,Gowning,SOP,2,major,2026-01-10,2026-02-01
SOP-2,Cleaning,SOP,1,major,2025-06-01,2025-06-15
"""
REQUIREMENTS = """item,units,from,days_to_complete
SOP-1,job_function:OPERATOR,2025-06-15,14
SOP-2,job_function:OPERATOR,2025-06-15,14
"""
COMPLETIONS = """employee_no,item,version,completed_at,method
E008,SOP-1,1,2025-06-20,read
E008,SOP-1,2,2026-01-20,read
E008,SOP-2,1,2025-06-20,read
E009,SOP-1,1,2025-06-21,read
E009,SOP-2,1,2025-06-21,read
E012,SOP-1,2,2026-01-21,class
E012,SOP-2,1,2025-07-01,class
"""


@pytest.fixture
def trained(house: House) -> Iterator[House]:
    """Operators, two procedures, one of them revised; Tess was not retrained, neither was Charlie trained at all."""
    house.app.config["CLOCK"] = lambda: NOW
    lists = {"documents": DOCUMENTS, "requirements": REQUIREMENTS, "completions": COMPLETIONS}
    with acting(context_of(permissions=frozenset({("imports", "commit"), ("training", "migrate")}))):
        for kind, text in lists.items():
            plan = importing.check(house.session, kind, read_table(f"{kind}.csv", text.encode()), "Europe/Berlin")
            assert not plan.errors
            commit.write(house.session, plan, "Set up for a report")
        house.session.commit()
    yield house
    house.app.config.pop("CLOCK", None)


def rows(client: FlaskClient, address: str) -> list[list[str]]:
    """Return the rows of the first table of a report as CSV."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.status
    lines = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    return lines[1 : lines.index([])]


def frame(client: FlaskClient, address: str) -> dict[str, str]:
    lines = csv.reader(io.StringIO(client.get(address).data.decode("utf-8-sig"), newline=""))
    return {line[0]: line[1] for line in lines if len(line) == 2}


@pytest.mark.req("RPT-2")
def test_one_question_answers_whether_everyone_was_retrained_and_names_who_was_not(trained: House) -> None:
    quinn = trained.client("quinn")
    answers = {(row[0], row[5]): row[6] for row in rows(quinn, "/reports/retrained.csv?job_function=OPERATOR")}
    assert answers["SOP-1", "Tess Trainee"] == "Not retrained"
    assert answers["SOP-1", "Tom Trainee"] == "Trained on the version in force"
    assert answers["SOP-2", "Tess Trainee"] == "Trained on the version in force"
    assert frame(quinn, "/reports/retrained.csv?job_function=OPERATOR")["Answer"].startswith("No: 3 of 8")
    assert frame(quinn, "/reports/retrained.csv?person=E008")["Answer"].startswith("Yes")


@pytest.mark.req("RPT-1", "MTX-3")
def test_compliance_as_of_a_past_day_is_what_held_then(trained: House) -> None:
    quinn = trained.client("quinn")
    now = {(row[0], row[2]): row[5] for row in rows(quinn, "/reports/compliance.csv")}
    then = {(row[0], row[2]): row[5] for row in rows(quinn, "/reports/compliance.csv?as_of=2025-12-01")}
    assert (then["E009", "SOP-1"], now["E009", "SOP-1"]) == ("Qualified", "Overdue")


@pytest.mark.req("RPT-1")
def test_trained_on_a_version_lists_them_and_those_who_are_missing(trained: House) -> None:
    body = trained.client("quinn").get("/reports/trained-on.csv?item=SOP-1&version=2").data.decode("utf-8-sig")
    trained_part, missing_part = body.split("Required, and not trained on this version")
    assert "Tom Trainee" in trained_part
    assert "Tess Trainee" not in trained_part
    assert "Tess Trainee" in missing_part


@pytest.mark.req("RPT-1")
def test_a_training_record_holds_every_training_with_its_true_date(trained: House) -> None:
    body = trained.client("quinn").get("/reports/training-record.csv?person=E008").data.decode("utf-8-sig")
    assert "2025-06-20" in body
    assert "Shift lead" not in body
    assert "Operator" in body


@pytest.mark.req("RPT-1")
def test_overdue_training_is_aged_in_days(trained: House) -> None:
    late = {(row[1], row[3]): int(row[0]) for row in rows(trained.client("quinn"), "/reports/overdue.csv")}
    # SOP-1 version 2 took effect on 1 February without grace: the last day in time was 31 January
    assert late["E009", "SOP-1"] == (NOW.date() - NOW.date().replace(month=1, day=31)).days


@pytest.mark.req("RPT-1", "RPT-4")
@pytest.mark.parametrize("name", catalog.REPORTS)
def test_every_report_has_a_page_and_three_formats(trained: House, name: str) -> None:
    quinn = trained.client("quinn")
    question = "?person=E008&item=SOP-1"
    page = quinn.get(f"/reports/{name}/{question}")
    assert page.status_code == 200
    assert f"/reports/{name}.pdf?".encode() in page.data
    for form, start in (("pdf", b"%PDF-"), ("xlsx", b"PK"), ("csv", b"\xef\xbb\xbf")):
        answer = quinn.get(f"/reports/{name}.{form}{question}")
        assert answer.data.startswith(start)
        assert frame(quinn, f"/reports/{name}.csv{question}")["Produced by"] == "Quinn Quality (quinn)"


@pytest.mark.req("AUD-1", "RPT-1")
def test_a_download_goes_on_the_trail_with_its_digest(trained: House) -> None:
    quinn = trained.client("quinn")
    digest = frame(quinn, "/reports/overdue.csv")["SHA-256 of the content"]
    with acting(context_of()):
        last = trained.session.scalars(
            select(AuditEntry).where(AuditEntry.kind == "export").order_by(AuditEntry.id.desc())
        ).first()
        assert last is not None
        assert last.username == "quinn"
        assert digest in (last.after or "")


@pytest.mark.req("SEC-1")
@pytest.mark.parametrize(("username", "status"), [("tom", 403), ("quinn", 200), ("axel", 200)])
def test_only_who_may_read_reports_sees_them(trained: House, username: str, status: int) -> None:
    assert trained.client(username).get("/reports/compliance/").status_code == status


def test_a_question_that_makes_no_sense_is_answered_by_a_sentence(trained: House) -> None:
    quinn = trained.client("quinn")
    assert quinn.get("/reports/compliance/?as_of=yesterday").status_code == 422
    assert quinn.get("/reports/compliance/?item_id=99999").status_code == 404
    assert quinn.get("/reports/nothing/").status_code == 404
    assert quinn.get("/reports/compliance.docx").status_code == 422
    assert quinn.get("/reports/training-record/").status_code == 200


@pytest.mark.req("AUD-4")
def test_the_trail_of_a_record_can_be_printed(trained: House) -> None:
    answer = trained.client("quinn").get("/reports/trail/people/1.csv")
    assert b"employee_no" in answer.data
    assert trained.client("cora").get("/reports/trail/people/1.csv").status_code == 403


@pytest.mark.req("MTX-3")
def test_what_was_known_then_is_not_what_is_known_now(trained: House) -> None:
    before_import = (NOW - timedelta(days=1)).isoformat()[:16]
    assert rows(trained.client("quinn"), f"/reports/compliance.csv?known_at={before_import}") == []


@pytest.mark.req("RPT-1", "UX-3")
def test_a_report_explains_itself_in_the_readers_language(trained: House) -> None:
    quinn = trained.client("quinn")
    with quinn.session_transaction() as session:
        session["locale"] = "es"
    why = {row[0]: row[9] for row in rows(quinn, "/reports/compliance.csv?item=SOP-1")}
    assert why["E009"].startswith("Exigido a Operator")
