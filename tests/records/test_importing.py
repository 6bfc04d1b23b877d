"""Imports of lists: what a cell means, all or nothing, nothing twice, exactly the difference."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.domain.dates import calendar_of
from app.domain.errors import BadInput, NotAllowed
from app.models.base import FOREVER
from app.models.documents import DocumentType, Item, Release, Retirement, Verdict, Version
from app.models.files import StoredFile
from app.models.importing import ImportRun
from app.models.matrix import Assignment, Completion, Exemption, Requirement, TrainingOrder
from app.models.organization import Unit
from app.models.people import Employment, Leave, Membership, Person
from app.safeguards.context import acting
from app.services import importing, invariants
from app.services.importing import commit
from app.services.importing.plan import Plan
from app.services.importing.reading import read_table
from tests.cast import context_of
from tests.conftest import House

MAY = frozenset({("imports", "commit"), ("training", "migrate")})
ZONE = "Europe/Berlin"
Rows = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def operator() -> Iterator[None]:
    """Everything here is done by somebody who may import and migrate."""
    with acting(context_of(permissions=MAY)):
        yield


def as_csv(rows: Rows) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def checked(house: House, kind: str, content: str | bytes, name: str | None = None) -> Plan:
    data = content.encode() if isinstance(content, str) else content
    return importing.check(house.session, kind, read_table(name or f"{kind}.csv", data), ZONE)


def imported(house: House, kind: str, content: str | bytes, name: str | None = None) -> Plan:
    """Import and commit; raise BadInput when something is wrong with the file."""
    data = content.encode() if isinstance(content, str) else content
    table = read_table(name or f"{kind}.csv", data)
    plan, _ = commit.check_and_write(
        house.session, lambda: importing.check(house.session, kind, table, ZONE), "A test imports"
    )
    plan.sheet.refuse()
    house.session.commit()
    return plan


def found(house: House, model: Any, *conditions: Any) -> list[Any]:
    return list(house.session.scalars(select(model).where(*conditions).order_by(model.id)))


def sentences(plan: Plan) -> list[str]:
    return [str(problem) for problem in plan.errors]


DOCUMENTS = """code,title,type,version,revision_class,approved_on,effective_on,retired_on,verdicts
SOP-1,Gowning,SOP,2,minor,2026-01-10,2026-02-01,,OPERATOR=read;LEAD=none
SOP-1,Gowning,SOP,1,major,2025-06-01,2025-06-15,,
SOP-2,Cleaning,Receta,1,,2025-06-01,2025-06-15,2026-01-31,
SOP-3,Weighing,SOP,1,,2026-03-01,2026-12-01,,
SOP-4,Draft,SOP,0.1,,,,,
"""


@pytest.mark.req("DOC-2", "DOC-4", "IMP-3")
def test_documents_become_versions_in_the_order_and_state_of_their_dates(house: House) -> None:
    imported(house, "documents", DOCUMENTS)
    versions = {(v.item.code, v.label): (v.sequence, v.state) for v in found(house, Version)}
    assert versions == {
        ("SOP-1", "1"): (1, "superseded"),
        ("SOP-1", "2"): (2, "effective"),
        ("SOP-2", "1"): (1, "obsolete"),
        ("SOP-3", "1"): (1, "approved"),
        ("SOP-4", "0.1"): (1, "draft"),
    }
    release = found(house, Release)[0]
    assert release.training_from in {datetime(2025, 5, 31, 22, tzinfo=UTC), datetime(2026, 1, 9, 23, tzinfo=UTC)}
    assert {(v.function.code, v.verdict) for v in found(house, Verdict)} == {("OPERATOR", "read"), ("LEAD", "none")}
    assert [r.item.code for r in found(house, Retirement)] == ["SOP-2"]
    assert found(house, DocumentType, DocumentType.code == "Receta")


def test_a_later_statement_of_dates_and_verdicts_restates_the_facts(house: House) -> None:
    imported(house, "documents", DOCUMENTS)
    changed = DOCUMENTS.replace("2026-02-01", "2026-02-15").replace("OPERATOR=read;LEAD=none", "OPERATOR=ojt")
    plan = imported(house, "documents", changed.replace(",2026-01-31,", ",,"))
    assert {noun: dict(counts) for noun, counts in plan.counts.items()} == {
        "item": {"unchanged": 4},
        "version": {"unchanged": 5},
        "release": {"unchanged": 3, "change": 1},
        "verdict": {"change": 1, "withdraw": 1},
        "retirement": {"withdraw": 1},
    }
    assert not found(house, Retirement, Retirement.voided_at == FOREVER)
    assert [v.state for v in found(house, Version) if v.item.code == "SOP-2"] == ["effective"]


@pytest.mark.req("IMP-5", "MTX-8")
def test_a_completion_keeps_its_true_day_origin_claim_and_evidence_and_closes_its_assignment(house: House) -> None:
    imported(house, "documents", DOCUMENTS)
    imported(house, "requirements", "item,units,from\nSOP-1,job_function:OPERATOR,2026-01-01\n")
    tom = found(house, Person, Person.employee_no == "E008")[0]
    assert [one.state for one in found(house, Assignment, Assignment.person_id == tom.id)] == ["open"]
    rows = (
        "employee_no,item,version,completed_at,method,result,score,evaluator_no,language,origin,recorded_at\n"
        "E008,SOP-1,,2026-02-03,Read and understood,OK,91%,E006,de,Old LMS,2026-02-20\n"
    )
    imported(house, "completions", rows)
    done = found(house, Completion)[0]
    assert done.version.label == "2"
    assert done.completed_at == datetime(2026, 2, 2, 23, tzinfo=UTC)
    assert done.claimed_recorded_at == datetime(2026, 2, 19, 23, tzinfo=UTC)
    assert done.recorded_at > done.claimed_recorded_at
    assert (done.method, done.result, str(done.score), done.language, done.origin) == (
        *("read", "passed", "91.00"),
        *("de", "Old LMS"),
    )
    assert done.evidence_place == "row 2"
    file = found(house, StoredFile, StoredFile.id == done.evidence_id)[0]
    run = found(house, ImportRun, ImportRun.kind == "completions")[0]
    assert (run.file_id, run.file_name) == (file.id, "completions.csv")
    assert (run.reason, run.username) == ("A test imports", "test")
    assert [one.state for one in found(house, Assignment, Assignment.person_id == tom.id)] == ["completed"]


def test_the_same_day_failed_and_passed_are_two_completions(house: House) -> None:
    imported(house, "documents", DOCUMENTS)
    rows = "employee_no,item,completed_at,result\nE008,SOP-1,2026-02-03,failed\nE008,SOP-1,2026-02-03,passed\n"
    assert imported(house, "completions", rows).counts["completion"]["add"] == 2
    assert imported(house, "completions", rows).changes == 0
    corrected = rows.replace("failed", "passed", 1).replace("2026-02-03,passed", "2026-02-04,passed", 1)
    assert imported(house, "completions", corrected).counts["completion"] == {"unchanged": 1, "add": 1}


@pytest.mark.req("IMP-6")
@pytest.mark.parametrize(
    ("kind", "rows", "sentence"),
    [
        ("completions", "employee_no,item,completed_at\nE008,SOP-1,2025-01-01\n", "row 2: no version was in force"),
        ("completions", "employee_no,item,completed_at\nE008,SOP-9,2026-01-01\n", "cell B2: there is no item SOP-9."),
        (
            "completions",
            "employee_no,item,version,completed_at\nE008,SOP-1,7,2026-01-01\n",
            "cell C2: there is no version",
        ),
        (
            "completions",
            "employee_no,item,completed_at,method\nE008,SOP-1,2026-01-01,magic\n",
            "cell D2: magic is not known",
        ),
        ("completions", "employee_no,item,completed_at\nE008,SOP-1,2026-01-01T10:00\n", "no offset from UTC"),
        ("requirements", "item,units,from\nSOP-1,,2026-01-01\n", "cell B2: the cell is empty. Name at least one unit"),
        ("requirements", "item,units,from\nSOP-1,job:OPERATOR,2026-01-01\n", "cell B2: job is not a kind of unit."),
        (
            "requirements",
            "item,units,from\nSOP-1,job_function:OPERATER,2026-01-01\n",
            "there is no job function OPERATER. Did you mean OPERATOR?",
        ),
        (
            "requirements",
            "item,units,from,to\nSOP-1,job_function:LEAD,2026-02-01,2026-01-01\n",
            "ends before it starts",
        ),
        ("memberships", "employee_no,kind,code,from\nE008,site,NORTH,2026-01-01\n", "cell C2: there is no site NORTH."),
        ("memberships", "employee_no,kind,code,from\nE999,site,MAIN,2026-01-01\n", "cell A2: there is no person E999."),
        ("units", "kind,code,name,time_zone\nsite,N,North,Europe/Berlín\n", "there is no time zone Europe/Berlín."),
        ("units", "kind,code,name,site\ndepartment,D,Dept,NOWHERE\n", "cell D2: there is no site NOWHERE."),
        ("people", "employee_no,name,supervisor_no\nX1,A B,X2\nX2,C D,X1\n", "would be his or her own supervisor"),
        ("people", "employee_no,name,hired_on,left_on\nX1,A B,2026-02-01,2026-01-01\n", "leaves before being hired"),
        ("documents", "code,title,version,verdicts\nX,T,1,NOBODY=read\n", "cell D2: there is no job function NOBODY."),
        ("documents", "code,title,version\nX,T,1\nX,T,1\n", "cell C3: version 1 is in row 2 already."),
        ("orders", "employee_no,item,placed_at,due_on\nE008,SOP-1,2026-03-01,2026-02-01\n", "due before it is placed"),
        ("exemptions", "employee_no,item,from,reason\nE008,SOP-1,2026-03-01,\n", "cell D2: the cell is empty."),
        ("leaves", "employee_no,from,kind\nE008,2026-03-01,gardening\n", "cell C2: gardening is not known here."),
    ],
)
def test_a_wrong_cell_is_named_with_what_is_wrong(house: House, kind: str, rows: str, sentence: str) -> None:
    imported(house, "documents", DOCUMENTS)
    plan = checked(house, kind, rows)
    assert [text for text in sentences(plan) if sentence in text]
    assert f"{kind}.csv" in sentences(plan)[0]
    with pytest.raises(BadInput, match=r"Nothing was imported"):
        commit.write(house.session, plan, "Should not happen")


def test_all_mistakes_of_a_file_are_told_at_once(house: House) -> None:
    rows = "employee_no,kind,code,from,to\nE999,planet,MAIN,soon,later\nE008,site,MAIN,2026-01-01,\n"
    assert len(checked(house, "memberships", rows).errors) == 4


@pytest.mark.req("SEC-1")
def test_nobody_writes_an_import_without_the_permission(house: House) -> None:
    with acting(context_of(permissions=frozenset())):
        plan = checked(house, "units", "kind,code,name\nsite,X,Example\n")
        with pytest.raises(NotAllowed):
            commit.write(house.session, plan, "No right to")
        assert house.session.scalar(select(Unit).where(Unit.code == "X")) is None


def test_an_empty_cell_clears_and_a_missing_column_leaves_alone(house: House) -> None:
    imported(
        house, "people", "employee_no,name,email,hired_on,left_on\nX1,Ann Lee,ann@example.com,2026-01-01,2026-02-01\n"
    )
    imported(house, "people", "employee_no,name\nX1,Ann Lee-Fox\n")
    person = found(house, Person, Person.employee_no == "X1")[0]
    assert (person.name, person.email) == ("Ann Lee-Fox", "ann@example.com")
    imported(house, "people", "employee_no,name,email,hired_on,left_on\nX1,Ann Lee-Fox,,2026-01-01,\n")
    person = found(house, Person, Person.employee_no == "X1")[0]
    assert person.email is None
    held = found(house, Employment, Employment.person_id == person.id, Employment.voided_at == FOREVER)
    assert [one.ends_at for one in held] == [FOREVER]


def test_somebody_who_comes_back_has_two_employments_and_a_corrected_start_has_one(house: House) -> None:
    head = "employee_no,name,hired_on,left_on\n"
    imported(house, "people", head + "X1,Ann Lee,2024-01-01,2024-06-01\nX2,Bo Lind,2025-01-01,\n")
    imported(house, "people", head + "X1,Ann Lee,2025-01-01,\nX2,Bo Lind,2025-02-01,\n")
    now = {
        number: found(
            house,
            Employment,
            Employment.person_id == found(house, Person, Person.employee_no == number)[0].id,
            Employment.voided_at == FOREVER,
        )
        for number in ("X1", "X2")
    }
    assert [len(now["X1"]), len(now["X2"])] == [2, 1]
    assert now["X2"][0].starts_at == datetime(2025, 2, 1, tzinfo=UTC) - timedelta(hours=1)


@pytest.mark.req("CLI-1")
def test_a_client_belongs_to_itself_and_its_documents_to_it(house: House) -> None:
    imported(house, "units", "kind,code,name,client\nclient,GAMMA,Gamma,\nproduct_line,G-1,Line,GAMMA\n")
    gamma = found(house, Unit, Unit.code == "GAMMA")[0]
    assert gamma.client_id == gamma.id
    assert found(house, Unit, Unit.code == "G-1")[0].client_id == gamma.id
    imported(
        house,
        "documents",
        "code,title,version,client,approved_on,effective_on\nG-SOP,X,1,GAMMA,2026-01-01,2026-01-01\n",
    )
    imported(house, "completions", "employee_no,item,completed_at\nE008,G-SOP,2026-02-01\n")
    clients = {one.client_id for model in (Item, Version, Completion) for one in found(house, model)}
    assert clients == {gamma.id}


def test_leaves_exemptions_and_orders_are_recorded_as_written(house: House) -> None:
    imported(house, "documents", DOCUMENTS)
    imported(house, "leaves", "employee_no,from,to,kind\nE008,2026-03-01,2026-04-01,Parental\n")
    imported(house, "exemptions", "employee_no,item,from,to,reason\nE008,SOP-1,2026-03-01,2026-04-01,On secondment\n")
    imported(
        house,
        "orders",
        "employee_no,item,placed_at,due_on,suspends,source\nE008,SOP-1,2026-03-05,2026-03-20,yes,CAPA-7\n",
    )
    assert [one.kind for one in found(house, Leave)] == ["parental"]
    assert [one.reason for one in found(house, Exemption)] == ["On secondment"]
    order = found(house, TrainingOrder)[0]
    assert (order.due_on, order.suspends, order.source) == (date(2026, 3, 20), True, "CAPA-7")


@pytest.mark.req("IMP-6")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_are_found_out(house: House, encoding: str, delimiter: str) -> None:
    text = "employee_no,name\nX1,Zoë Müller\nX2,José Muñoz\nX3,Françoise Léger\n".replace(",", delimiter)
    plan = checked(house, "people", text.encode(encoding))
    assert [detail.what for detail in plan.details] == [
        "person: X1 Zoë Müller",
        "person: X2 José Muñoz",
        "person: X3 Françoise Léger",
    ]
    told = any("cp1252" in str(problem) for problem in plan.warnings)
    assert told == (encoding == "cp1252"), "a guess is told, a certainty is not"


def test_polish_names_of_an_old_windows_file_are_read_as_polish(house: House) -> None:
    text = "employee_no,name\nX1,Łukasz Świątek\nX2,Małgorzata Żółć\nX3,Paweł Kowalski z działu jakości\n"
    plan = checked(house, "people", text.encode("cp1250"))
    assert [detail.what for detail in plan.details][:2] == ["person: X1 Łukasz Świątek", "person: X2 Małgorzata Żółć"]


def test_a_workbook_says_the_same_as_a_text_file(house: House) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["employee_no", "name", "hired_on", "left_on"])
    sheet.append([1001, "Ann Lee", date(2026, 1, 1), None])
    out = io.BytesIO()
    book.save(out)
    imported(house, "people", out.getvalue(), "people.xlsx")
    person = found(house, Person, Person.employee_no == "1001")[0]
    assert found(house, Employment, Employment.person_id == person.id)[0].evidence_place == "Sheet!row 2"
    assert imported(house, "people", "employee_no,name,hired_on,left_on\n1001,Ann Lee,2026-01-01,\n").changes == 0


DAYS = st.integers(0, 400).map(lambda offset: date(2025, 1, 1) + timedelta(offset))
LINES = st.dictionaries(
    st.tuples(st.sampled_from(["E006", "E008", "E009", "E012"]), st.sampled_from(["STERILE", "QC"]), DAYS),
    st.one_of(st.none(), st.integers(1, 300)),
    min_size=1,
    max_size=6,
)


def membership_rows(lines: dict[tuple[str, str, date], int | None]) -> Rows:
    return [
        {
            "employee_no": number,
            "kind": "department",
            "code": code,
            "from": start.isoformat(),
            "to": (start + timedelta(length)).isoformat() if length else "",
        }
        for (number, code, start), length in lines.items()
    ]


@pytest.mark.req("IMP-3", "ORG-3")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=LINES, second=LINES)
def test_after_any_two_imports_exactly_the_stated_memberships_hold(
    both_houses: House, first: dict[Any, Any], second: dict[Any, Any]
) -> None:
    house = both_houses
    stated = house.__dict__.setdefault("stated", {})
    before = house.__dict__.setdefault("before", found(house, Membership)[-1].id)
    for lines in (first, second):
        stated |= lines
        imported(house, "memberships", as_csv(membership_rows(lines)))
        assert imported(house, "memberships", as_csv(membership_rows(lines))).changes == 0
        now = found(house, Membership, Membership.id > before, Membership.voided_at == FOREVER)
        day = calendar_of(ZONE).day
        spans = [(one.person.employee_no, one.unit.code, day(one.starts_at), one.ends_at) for one in now]
        assert sorted(spans) == sorted(
            (number, code, start, FOREVER if length is None else calendar_of(ZONE).midnight(start + timedelta(length)))
            for (number, code, start), length in stated.items()
        )
    assert invariants.violations(house.session) == []
    house.session.rollback()


@pytest.mark.postgresql
def test_every_kind_of_list_goes_into_both_databases(both_houses: House) -> None:
    house = both_houses
    imported(house, "units", "kind,code,name,site\nequipment,HPLC-9,Nine,MAIN\n")
    imported(house, "people", "employee_no,name,hired_on,languages\nX1,Ann Lee,2026-01-01,es;en\n")
    imported(house, "documents", DOCUMENTS)
    imported(
        house,
        "requirements",
        "item,units,from,recurrence_months\nSOP-1,job_function:OPERATOR + site:MAIN,2026-01-01,12\n",
    )
    imported(
        house, "memberships", "employee_no,kind,code,from\nX1,equipment,HPLC-9,2026-01-01\nX1,site,MAIN,2026-01-01\n"
    )
    imported(house, "completions", "employee_no,item,completed_at\nX1,SOP-1,2026-02-03T10:00+01:00\n")
    assert len(found(house, Requirement)[0].units) == 2
    assert found(house, Completion)[0].completed_at == datetime(2026, 2, 3, 9, tzinfo=UTC)
    assert invariants.violations(house.session) == []
    house.session.rollback()
