"""The import of a matrix through the pages: upload, correct, match, dry run, sign, export, edit, import again."""

import json
import re
from datetime import date
from hashlib import sha256
from io import BytesIO
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.models.importing import ImportMapping, ImportRun
from app.models.matrix import Completion, Requirement
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from tests.cast import PASSWORD, context_of
from tests.conftest import House
from tests.importing.books import workbook

ROLES = [
    ["Training matrix"],
    [],
    ["Job title", "SOP-901 Gowning", "SOP-902 Cleaning", "SOP-903 Records"],
    ["Sterile operator", "X", "X", ""],
    ["Quality lead", "", "X", "X"],
    ["Store keeper", "X", "", "X"],
]
PEOPLE = [
    ["Employee no", "Employee name", "SOP-901", "SOP-902"],
    ["Z-1", "Vera Novak", date(2024, 1, 15), ""],
    ["Z-2", "Olaf Brandt", "", date(2024, 2, 20)],
]


def upload(client: FlaskClient, data: bytes, name: str = "matrix.xlsx") -> int:
    """Upload a workbook as a matrix; return the number of the import."""
    answer = client.post(
        "/import/", data={"kind": "matrix", "file": (BytesIO(data), name)}, content_type="multipart/form-data"
    )
    assert answer.status_code == 302, answer.get_data(as_text=True)[:2000]
    found = re.search(r"/import/matrix/(\d+)/", answer.headers["Location"])
    assert found
    return int(found[1])


def sign(client: FlaskClient, number: int) -> Any:
    """Sign an import with name, password and a reason."""
    page = client.get(f"/import/matrix/{number}/sign").get_data(as_text=True)
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token, page[:3000]
    form = {"token": token[1], "username": "cora", "password": PASSWORD, "reason": "Legacy matrix, checked by QA"}
    return client.post(f"/import/matrix/{number}/sign", data=form)


def totals(client: FlaskClient, number: int) -> dict[str, list[int]]:
    """The table of the dry run: new, changed, ended, unchanged by kind."""
    page = client.get(f"/import/matrix/{number}/check").get_data(as_text=True)
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>((?:<td class="num"[^>]*>\d+</td>)+)', page)
    return {label: [int(n) for n in re.findall(r">(\d+)<", cells)] for label, cells in rows}


@pytest.fixture
def cora(house: House) -> FlaskClient:
    return house.client("cora")


def test_a_matrix_goes_from_upload_to_signature_and_back_to_excel(house: House, cora: FlaskClient) -> None:
    number = upload(cora, workbook({"Matrix": ROLES, "People": PEOPLE}))
    page = cora.get(f"/import/matrix/{number}/").get_data(as_text=True)
    assert "SOP-902 Cleaning" in page
    assert "Job functions × items" in page
    assert cora.get(f"/import/matrix/{number}/match").status_code == 200
    before = totals(cora, number)
    assert before["Requirements"] == [6, 0, 0, 0]
    assert before["Training records"] == [2, 0, 0, 0]
    assert before["People"][0] == 2
    assert before["Courses and documents"][0] == 3
    answer = sign(cora, number)
    assert answer.status_code == 302, answer.get_data(as_text=True)[:3000]
    assert "No change" not in cora.get(f"/import/matrix/{number}/check").get_data(as_text=True)
    with house.app.app_context(), acting(context_of()):
        run = house.session.get(ImportRun, number)
        assert run is not None
        assert run.state == "committed"
        assert run.signature_id is not None
        places = set(
            house.session.scalars(select(Completion.evidence_place).where(Completion.evidence_id == run.file_id))
        )
        assert places == {"People!C2", "People!D3"}
        needs = house.session.scalar(
            select(func.count()).select_from(Requirement).where(Requirement.evidence_id == run.file_id)
        )
        assert needs == 6
    copy = openpyxl.load_workbook(BytesIO(cora.get(f"/import/matrix/export/{number}").data))
    assert copy["Matrix"]["B4"].value == "X"
    assert totals(cora, upload(cora, workbook({"Matrix": ROLES, "People": PEOPLE})))["Requirements"] == [0, 0, 0, 6]
    copy["Matrix"]["C4"].value, copy["Matrix"]["D4"].value = None, "X"
    edited = BytesIO()
    copy.save(edited)
    assert totals(cora, upload(cora, edited.getvalue()))["Requirements"] == [1, 0, 1, 5]


def test_a_correction_by_form_changes_the_reading_and_is_remembered_for_the_layout(
    house: House, cora: FlaskClient
) -> None:
    rows = [
        ["Job title", "SOP-901", "SOP-902", "SOP-903"],
        ["Sterile operator", "Q", "V", "Q"],
        ["Quality lead", "", "Q", "V"],
    ]
    number = upload(cora, workbook({"Matrix": rows}))
    assert totals(cora, number)["Requirements"][0] == 0
    answer = cora.post(
        f"/import/matrix/{number}/?sheet=Matrix", data={"legend:Q": "required", "legend:V": "optional", "do": "next"}
    )
    assert answer.status_code == 302
    assert totals(cora, number)["Requirements"][0] == 3
    assert sign(cora, number).status_code == 302
    with house.app.app_context():
        stored = house.session.scalars(select(ImportMapping.mapping)).one()
        assert json.loads(stored)["Matrix"]["legend"] == {"Q": "required", "V": "optional"}
    rows.append(["Store keeper", "Q", "", ""])
    again = upload(cora, workbook({"Matrix": rows}))
    assert totals(cora, again)["Requirements"] == [1, 0, 0, 3]


def test_a_similar_name_is_never_matched_silently_and_can_be_decided_in_bulk(house: House, cora: FlaskClient) -> None:
    first = upload(cora, workbook({"Matrix": ROLES}))
    assert sign(cora, first).status_code == 302
    rows = [row[:] for row in ROLES]
    rows[3][0], rows[4][0] = "Steril operator", "Quality leed"
    number = upload(cora, workbook({"Matrix": rows}))
    page = cora.get(f"/import/matrix/{number}/check").get_data(as_text=True)
    assert "2 names still need your decision." in page
    assert f"/import/matrix/{number}/sign" not in page
    assert f'href="/import/matrix/{number}/match"' in page, "the steps lead back"
    assert cora.post(f"/import/matrix/{number}/match", data={"bulk": "best:functions"}).status_code == 302
    assert totals(cora, number)["Requirements"] == [0, 0, 0, 6]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("header_row", "99999999999"),
        ("header_row", "7"),
        ("header_row", "²"),
        ("key_column", "XFD"),
        ("key_column", "é"),
    ],
)
def test_a_row_or_column_that_the_sheet_does_not_have_is_refused_in_one_sentence(
    cora: FlaskClient, field: str, value: str
) -> None:
    number = upload(cora, workbook({"Matrix": ROLES}))
    answer = cora.post(f"/import/matrix/{number}/?sheet=Matrix", data={field: value, "do": "next"})
    assert answer.status_code == 422
    assert f"Mapping of sheet “Matrix”, {field}: {value} is not possible." in answer.get_data(as_text=True)
    assert cora.get(f"/import/matrix/{number}/check").status_code == 200


def test_an_import_with_an_impossible_number_is_not_there(cora: FlaskClient) -> None:
    assert cora.get(f"/import/matrix/{10**30}/").status_code == 404
    assert cora.get(f"/import/?failed={10**15}").status_code == 404


def test_a_name_under_another_number_is_a_question_and_never_matched_silently(house: House, cora: FlaskClient) -> None:
    assert sign(cora, upload(cora, workbook({"Matrix": ROLES, "People": PEOPLE}))).status_code == 302
    namesakes = [
        ["Employee no", "Employee name", "SOP-901", "SOP-987 Cleaning"],
        ["Z-77", "Vera Novak", date(2025, 1, 15), ""],
        ["Z-2", "Olaf Brandt", "", date(2025, 2, 20)],
    ]
    number = upload(cora, workbook({"People": namesakes}))
    page = cora.get(f"/import/matrix/{number}/check").get_data(as_text=True)
    assert "2 names still need your decision." in page
    assert "No person has this name and number" in page
    cora.post(f"/import/matrix/{number}/match", data={"bulk": "create:people"})
    cora.post(f"/import/matrix/{number}/match", data={"bulk": "best:items"})
    assert totals(cora, number)["People"][0] == 1
    assert totals(cora, number).get("Courses and documents", [0])[0] == 0


def test_a_broken_file_is_refused_with_one_sentence_and_nothing_is_kept(house: House, cora: FlaskClient) -> None:
    data = {"kind": "matrix", "file": (BytesIO(b"%PDF-1.4 nothing"), "matrix.xlsx")}
    answer = cora.post("/import/", data=data, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "matrix.xlsx is no spreadsheet: its content is of the kind PDF." in answer.get_data(as_text=True)
    with house.app.app_context():
        assert house.session.scalar(select(func.count()).select_from(ImportRun)) == 0


def test_the_findings_stand_as_comments_in_a_copy_of_the_file(cora: FlaskClient) -> None:
    rows = [["Name", "SOP-901", "SOP-902", "SOP-903"], ["Vera Novak", "x", "o", "x"], ["Olaf Brandt", "o", "x", "=1+1"]]
    number = upload(cora, workbook({"Matrix": rows}))
    copy = openpyxl.load_workbook(BytesIO(cora.get(f"/import/matrix/{number}/findings.xlsx").data))
    assert "circle" in copy["Matrix"]["C2"].comment.text
    page = cora.get(f"/import/matrix/{number}/check").get_data(as_text=True)
    assert "Did you mean required, trained, not required, not applicable?" in page
    assert copy["Matrix"]["D3"].data_type != "f"


def test_the_page_of_exports_offers_the_layouts_and_hands_out_files_named_after_the_day(cora: FlaskClient) -> None:
    number = upload(cora, workbook({"Matrix": ROLES}), "Matrix 2024.xlsx")
    assert sign(cora, number).status_code == 302
    page = cora.get("/import/matrix/export/").get_data(as_text=True)
    assert "Matrix 2024.xlsx" in page
    links = re.findall(r'href="(/import/matrix/export/[^"]+)"', page)
    assert len(links) == 4
    for link in links:
        answer = cora.get(link.replace("&amp;", "&"))
        assert answer.status_code == 200, link
        name = answer.headers["Content-Disposition"]
        assert re.search(r"\d{4}-\d{2}-\d{2}\.xlsx", name), name
    assert "Matrix to Excel" in page
    assert cora.get("/import/matrix/export/stock/nothing").status_code == 404


@pytest.mark.req("AUD-1")
def test_every_export_of_the_matrix_is_on_the_trail_with_the_digest_of_what_was_handed_out(
    house: House, cora: FlaskClient
) -> None:
    number = upload(cora, workbook({"Matrix": ROLES}))
    assert sign(cora, number).status_code == 302
    own, stock = cora.get(f"/import/matrix/export/{number}"), cora.get("/import/matrix/export/stock/people")
    with house.app.app_context(), acting(context_of()):
        query = select(AuditEntry).where(AuditEntry.kind == "export").order_by(AuditEntry.id)
        entries = house.session.scalars(query).all()
        assert [(entry.username, entry.record_id) for entry in entries] == [("cora", str(number)), ("cora", None)]
        told = [json.loads(entry.after or "{}")["digest"] for entry in entries]
    assert told == [sha256(answer.data).hexdigest() for answer in (own, stock)]


def test_the_copy_with_findings_keeps_the_looks_of_the_file(cora: FlaskClient) -> None:
    rows = [["Name", "SOP-901", "SOP-902", "SOP-903"], ["Vera Novak", "x", "o", "x"], ["Olaf Brandt", "o", "x", "x"]]
    book = openpyxl.load_workbook(BytesIO(workbook({"Matrix": rows})))
    sheet = book["Matrix"]
    sheet.column_dimensions["A"].width, sheet.freeze_panes = 44, "B2"
    sheet["B2"].comment = openpyxl.comments.Comment("ask Ana", "Ana")
    target = BytesIO()
    book.save(target)
    number = upload(cora, target.getvalue())
    copy = openpyxl.load_workbook(BytesIO(cora.get(f"/import/matrix/{number}/findings.xlsx").data))["Matrix"]
    assert (copy.column_dimensions["A"].width, copy.freeze_panes) == (44, "B2")
    assert copy["B2"].comment.text.startswith("ask Ana\n")
    assert "circle" in copy["C2"].comment.text
