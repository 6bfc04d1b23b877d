"""The demo company's files are complete, consistent and believable; a typing mistake in one of them is found here."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.compliance import DUE_SOON, EXEMPT, EXPIRED, ON_LEAVE, OVERDUE, QUALIFIED
from app.domain.errors import BadInput
from app.domain.permissions import ROLES
from app.models.documents import REVISION_CLASSES, VERDICTS
from app.models.matrix import COMPLETION_METHODS, PROOFS
from app.models.organization import UNIT_KINDS
from app.models.people import LEAVE_KINDS
from app.services import contents, files
from app.services.demo_files import day_of, instant_of
from tests.demo.company import FOLDER, Company

TODAY = date(2027, 3, 17)
NOON = datetime(2027, 3, 17, 16, tzinfo=UTC)
LISTS = sorted(path.stem for path in FOLDER.glob("*.csv"))


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(TODAY)


def offset(text: str) -> int:
    day = day_of(text, TODAY)
    assert day is not None
    return (day - TODAY).days


def test_a_relative_date_is_read_in_the_zone_of_the_site() -> None:
    assert day_of("D-730", date(2027, 3, 17)) == date(2025, 3, 17)
    assert instant_of("D-5T14:05", date(2027, 3, 17), "Europe/Madrid") == datetime(2027, 3, 12, 13, 5, tzinfo=UTC)
    assert instant_of("D+0", date(2027, 3, 17), "America/New_York") == datetime(2027, 3, 17, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-01", "D5", "D-5T25:00", "D-5 14:05", "yesterday"])
def test_any_other_way_to_write_a_date_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="relative date"):
        instant_of(text, TODAY, "UTC")


@pytest.mark.parametrize("name", LISTS)
def test_every_line_has_as_many_cells_as_columns_and_is_there_once(company: Company, name: str) -> None:
    lines = [tuple(row.values()) for row in company.files.rows(name)]
    assert lines
    assert all(None not in line for line in lines), "a line is shorter than the header"
    assert all(None not in row for row in company.files.rows(name)), "a line is longer than the header"
    assert [line for line, times in Counter(lines).items() if times > 1] == []


def test_codes_and_numbers_are_unique(company: Company) -> None:
    rows = company.files.rows
    for name, columns in {
        "people": ("employee_no",),
        "units": ("kind", "code"),
        "users": ("login",),
        "categories": ("code",),
        "completions": ("employee_no", "item", "version", "completed_at"),
    }.items():
        keys = Counter(tuple(row[column] for column in columns) for row in rows(name))
        assert [key for key, times in keys.items() if times > 1] == [], name
    versions = Counter((row["code"], row["version"]) for row in rows("documents") + rows("revisions"))
    assert max(versions.values()) == 1


def test_every_code_that_is_mentioned_exists(company: Company) -> None:
    rows = company.files.rows
    people, units, items = set(company.people), set(company.units), set(company.items)
    lists = ("completions", "exemptions", "extensions", "revocations", "orders", "withdrawn_completions")
    assert {row["employee_no"] for name in (*lists, "memberships", "leaves") for row in rows(name)} <= people
    assert {row["item"] for name in (*lists, "requirements", "equivalences") for row in rows(name)} <= items
    assert {row["counting_item"] for row in rows("equivalences")} <= items
    assert {row["supervisor_no"] for row in rows("people")} <= people | {""}
    assert {row["evaluator_no"] for row in rows("completions")} <= people | {""}
    assert {row["owner_no"] for row in rows("documents")} <= people
    assert {(row["kind"], row["code"]) for row in rows("memberships")} <= units
    assert {("department", row["department"]) for row in rows("documents")} <= units
    clients = {("client", row["client"]) for name in ("documents", "units") for row in rows(name)}
    sites = {("site", row["site"]) for name in ("people", "units") for row in rows(name)}
    assert (clients | sites) - {("client", ""), ("site", "")} <= units
    assert {(row["item"], row["version"]) for row in rows("completions")} <= set(company.versions)
    needed = [part.strip().split(":") for row in rows("requirements") for part in row["units"].split("+")]
    assert {tuple(part) for part in needed} <= units
    assert {row["employee_no"] for row in rows("users")} <= people | {""}
    logins = {row["login"] for row in rows("users")}
    for row in rows("revisions"):
        assert {row["author"], *filter(None, row["reviewers"].split(";"))} <= logins
        assert row["approver"] in logins | {""}
        assert row["approver"] not in {row["author"], *row["reviewers"].split(";")} - {""}


def test_words_from_closed_lists_are_right(company: Company) -> None:
    rows = company.files.rows
    assert {row["kind"] for row in rows("units")} == set(UNIT_KINDS)
    assert {row["kind"] for row in rows("leaves")} <= set(LEAVE_KINDS)
    assert {row["revision_class"] for row in rows("documents") + rows("revisions")} == set(REVISION_CLASSES)
    assert {row["proof"] for row in rows("requirements")} <= set(PROOFS)
    assert {row["method"] for row in rows("completions")} <= set(COMPLETION_METHODS)
    assert {row["verdict"] for row in rows("revision_verdicts")} <= set(VERDICTS)
    assert {row["role"] for row in rows("users")} == set(ROLES)


def test_every_file_of_a_version_exists_and_none_is_left_over(company: Company) -> None:
    named = {row["file"] for row in company.files.rows("documents") + company.files.rows("revisions")}
    assert {Path(name).suffix for name in named} == {".md", ".docx", ".pdf"}
    there = {f"documents/{path.name}" for path in (FOLDER / "documents").iterdir()}
    assert named == there


def test_at_least_forty_documents_tell_what_to_do_in_two_versions_that_differ(company: Company) -> None:
    by_code: dict[str, list[str]] = {}
    for row in company.files.rows("documents") + company.files.rows("revisions"):
        data = (FOLDER / row["file"]).read_bytes()
        text = contents.extract_text(data, files.checked_type(data, row["file"]))
        by_code.setdefault(row["code"], []).append(text)
    rich = [
        texts
        for texts in by_code.values()
        if len(texts) > 1 and all(len(text.split()) > 70 for text in texts) and len(set(texts)) == len(texts)
    ]
    assert len(rich) >= 40
    assert not [text for texts in by_code.values() for text in texts if re.search(r"(?i)lorem|\bTBD\b|\{\d", text)]


def test_dates_are_in_order(company: Company) -> None:
    rows = company.files.rows
    for name, first, second in (
        ("people", "hired_on", "left_on"),
        ("memberships", "from", "to"),
        ("leaves", "from", "to"),
        ("exemptions", "from", "to"),
        ("requirements", "from", "to"),
        ("documents", "approved_on", "effective_on"),
        ("documents", "effective_on", "retired_on"),
        ("orders", "placed_at", "due_on"),
    ):
        wrong = [row for row in rows(name) if row[second] and offset(row[first]) >= offset(row[second])]
        assert wrong == [], (name, second)
    for row in rows("revisions"):
        steps = [row[name] for name in ("submitted_at", "reviewed_at", "approved_at", "effective_on") if row[name]]
        assert steps == sorted(steps, key=lambda text: instant_of(text, TODAY, "UTC"))


def test_versions_of_a_document_follow_one_another(company: Company) -> None:
    by_code: dict[str, list[tuple[int, int]]] = {}
    for row in company.files.rows("documents"):
        by_code.setdefault(row["code"], []).append((int(row["version"]), offset(row["effective_on"])))
    for code, found in by_code.items():
        assert [number for number, _ in found] == list(range(1, len(found) + 1)), code
        assert [day for _, day in found] == sorted({day for _, day in found}), code


def test_nobody_is_trained_before_approval_before_being_hired_after_leaving_or_in_the_future(company: Company) -> None:
    rows = company.files.rows
    approved = {(row["code"], row["version"]): row["approved_on"] for row in rows("documents")}
    approved |= {(row["code"], row["version"]): row["approved_at"] for row in rows("revisions")}
    people = {row["employee_no"]: row for row in rows("people")}
    away = [(row["employee_no"], company.start(row, "from"), company.end(row, "to")) for row in rows("leaves")]
    for row in rows("completions"):
        person, at = people[row["employee_no"]], company.start(row, "completed_at")
        version = approved[row["item"], row["version"]]
        assert company.files.instant(version) <= at, row
        assert company.start(person, "hired_on") <= at < company.end(person, "left_on"), row
        assert at < company.files.instant("D+0"), row
        assert not [one for one in away if one[0] == row["employee_no"] and one[1] <= at < one[2]], row
        assert row["evaluator_no"] != row["employee_no"], row
        if row["recorded_at"]:
            assert company.start(row, "recorded_at") > at, row


def test_supervision_leads_to_one_person_without_a_circle(company: Company) -> None:
    chief = {row["employee_no"]: row["supervisor_no"] for row in company.files.rows("people")}
    tops = set()
    for number in chief:
        path = [number]
        while chief[path[-1]]:
            path.append(chief[path[-1]])
            assert len(path) <= 6, f"{number} is supervised in a circle"
        tops.add(path[-1])
    assert tops == {"E1017"}


def test_the_company_has_the_size_of_a_mid_size_cro(company: Company) -> None:
    kinds = Counter(kind for kind, _ in company.units)
    assert len(company.people) == 120
    assert len(company.items) == 150
    assert (kinds["job_function"], kinds["site"], kinds["client"]) == (12, 2, 2)
    assert 3000 < len(company.files.rows("completions")) < 10_000
    types = Counter(row["type"] for row in company.files.rows("documents") if row["version"] == "1")
    assert {"SOP", "WI", "POLICY", "FORM", "PROTOCOL", "CLIENT"} <= set(types)


def test_statuses_are_shared_out_as_in_a_real_company(company: Company) -> None:
    decisions = company.decisions(NOON)
    counts = Counter(one.status for one in decisions)
    share = {status: number / len(decisions) for status, number in counts.items()}
    assert len(decisions) > 2500
    assert 0.80 < share[QUALIFIED] < 0.95
    assert 0.02 < share[DUE_SOON] < 0.15
    assert 0.01 < share[OVERDUE] + share[EXPIRED] < 0.08
    assert counts[EXPIRED] >= 5
    assert counts[EXEMPT] >= 5
    assert counts[ON_LEAVE] >= 3


@pytest.mark.parametrize("days", range(30, 731, 100))
def test_no_day_of_the_two_years_looks_broken(company: Company, days: int) -> None:
    decisions = company.decisions(NOON - timedelta(days=days))
    late = [one for one in decisions if one.status in (OVERDUE, EXPIRED)]
    assert len(late) < 0.08 * len(decisions)


def test_the_story_is_there(company: Company) -> None:
    number_of = {number: employee for employee, number in company.people.items()}
    code_of = {number: code for code, number in company.items.items()}
    team = {row["employee_no"] for row in company.files.rows("people") if row["supervisor_no"] == "E1016"}
    found: dict[str, set[tuple[str, str]]] = {}
    for one in company.decisions(NOON):
        if one.status not in (QUALIFIED, EXEMPT):
            found.setdefault(number_of[one.person], set()).add((code_of[one.item], one.status))
    assert found["E1020"] == {("SOP-MFG-002", "overdue"), ("WI-MFG-004", "assigned")}
    assert {one for one in team if one in found} == {"E1020", "E1021", "E1022"}
    assert ("SOP-MFG-001", "expired") in found["E1021"]
    assert ("SOP-MFG-001", "overdue") in found["E1022"]
    maya = [one for one in company.decisions(NOON) if number_of[one.person] == "E1020" and one.status == "assigned"]
    assert [one.due_on for one in maya] == [TODAY]
    rushed = [one for one in company.decisions(NOON) if code_of[one.item] == "SOP-MFG-002" and one.status == OVERDUE]
    assert len(rushed) >= 8
