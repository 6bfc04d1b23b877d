"""The same story through the browser's door: pages, forms, the signature page, replays and refusals (DOC-*, SIG-*)."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.access import UserAccount
from app.models.documents import DocumentType, DocumentView, Item, Version
from app.models.jobs import OutboxMail
from app.models.matrix import Completion
from app.models.signing import Signature, Transition
from app.safeguards.context import acting
from app.services import files, versions
from tests.acts import person, somebody
from tests.cast import NOW, PASSWORD, context_of
from tests.conftest import House
from tests.records.test_documents import DAY, approve, new_sop, unit, write
from tests.records.test_files import docx

pytestmark = pytest.mark.req("DOC-2", "SIG-1")


@pytest.fixture
def session(house: House) -> Iterator[Session]:
    """The clock of the pages stands at ``NOW``, and the files lie where the pages look for them."""
    house.app.config["CLOCK"] = lambda: NOW
    files.configure(house.app.config["FILE_FOLDER"])
    with acting(context_of()):
        yield house.session
    house.app.config.pop("CLOCK")


def at(house: House, instant: datetime) -> None:
    house.app.config["CLOCK"] = lambda: instant


def text_of(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def token_in(page: Any) -> str:
    found = re.search(r'name="token" value="([^"]+)"', text_of(page))
    assert found, text_of(page)[:2000]
    return found[1]


def step(client: FlaskClient, version: Version, name: str, username: str, **form: str) -> Any:
    """Open the signature page of a step and send it."""
    url = f"/sign/versions/{version.id}/{name}"
    page = client.get(url)
    assert page.status_code == 200, text_of(page)[:500]
    return client.post(url, data={"token": token_in(page), "username": username, "password": PASSWORD, **form})


def fresh(session: Session, version: Version) -> Version:
    session.expire_all()
    return session.get_one(Version, version.id)


@pytest.mark.req("DOC-1", "DOC-4", "DOC-7")
def test_a_document_goes_from_the_form_to_effective_through_its_pages(house: House, session: Session) -> None:
    dora, sue, quinn = (house.client(name) for name in ("dora", "sue", "quinn"))
    sop = session.scalars(select(DocumentType).where(DocumentType.code == "SOP")).one()
    answer = dora.post("/documents/add", data={"type_id": str(sop.id), "title": "Cleaning"})
    assert answer.status_code == 302, text_of(answer)[:3000]
    item = session.scalars(select(Item)).one()
    assert item.code == "SOP-0001"
    version = session.scalars(select(Version)).one()
    edit = f"/versions/edit/{version.id}"
    assert dora.get(edit).status_code == 200
    form = {"label": "1", "revision_class": "major", "change_summary": "First issue", "text": "# Cleaning\n\nRinse."}
    answer = dora.post(edit, data=form | {"row_version": str(version.row_version)})
    assert answer.status_code == 302, text_of(answer)[:3000]
    assert step(dora, version, "submit", "dora").status_code == 302
    assert fresh(session, version).state == "review"
    assert step(sue, version, "review", "sue").status_code == 302
    assert quinn.get(f"/versions/what-if/{version.id}").status_code == 200
    assert step(quinn, version, "approve", "quinn").status_code == 302
    assert fresh(session, version).state == "effective"
    page = text_of(quinn.get(f"/documents/show/{item.id}"))
    for shown in ("Dora Documents", "Sue Supervisor", "Quinn Quality", "Authorship", "Approval", version.file.sha256):  # type: ignore[union-attr]
        assert shown in page


@pytest.mark.req("DOC-3")
def test_every_document_page_opens_and_reading_is_recorded(house: House, session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Rinse **three** times.")
    approve(session, version)
    quinn = house.client("quinn")
    for url in ("/documents/list/", f"/documents/show/{item.id}", f"/read/{version.id}", f"/versions/diff/{version.id}",
                f"/versions/copies/{version.id}", f"/documents/new-version/{item.id}", "/", "/team/", "/my-record/",
                "/jobs/list/", "/outbox/list/", f"/versions/download/{version.id}"):  # fmt: skip
        answer = quinn.get(url)
        assert answer.status_code == 200, f"{url}: {answer.status_code} {text_of(answer)[:1500]}"
    assert "<strong>three</strong>" in text_of(quinn.get(f"/read/{version.id}"))
    views = session.scalars(select(DocumentView).where(DocumentView.username == "quinn")).all()
    assert {one.purpose for one in views} == {"view", "download"}


@pytest.mark.req("LRN-1", "UX-1")
def test_a_trainee_does_the_first_thing_on_the_page_and_is_done(house: House, session: Session) -> None:
    version = write(session, new_sop(session), "Rinse three times.")
    approve(session, version)
    tom = house.client("tom")
    home = text_of(tom.get("/"))
    assert f"/read/{version.id}" in home
    page = text_of(tom.get(f"/read/{version.id}"))
    assert "Required of Operator" in page
    assert f"/read/sign/{version.id}" in page
    url = f"/read/sign/{version.id}"
    form = {"token": token_in(tom.get(url)), "username": "tom", "password": PASSWORD}
    assert tom.post(url, data=form).status_code == 302
    assert tom.post(url, data=form).status_code == 302, "the same form again"
    assert session.scalar(select(func.count()).select_from(Completion)) == 1
    assert f"/read/{version.id}" not in text_of(tom.get("/")).split("Lately done")[0]
    assert "Tom Trainee" in text_of(tom.get(f"/read/{version.id}"))
    assert "SOP-0001" in text_of(tom.get("/my-record/"))


@pytest.mark.req("SIG-1", "21CFR11.70")
def test_a_form_sent_twice_approves_once(house: House, session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    sue = house.client("sue")
    url = f"/sign/versions/{version.id}/review"
    form = {"token": token_in(sue.get(url)), "username": "sue", "password": PASSWORD}
    assert [sue.post(url, data=form).status_code for _ in range(3)] == [302, 302, 302]
    steps = session.scalars(select(Transition).where(Transition.name == "review")).all()
    assert len(steps) == 1
    assert len(session.scalars(select(Signature).where(Signature.meaning == "review")).all()) == 1


@pytest.mark.req("SIG-1", "UX-4")
def test_a_wrong_password_signs_nothing_and_keeps_what_was_typed(house: House, session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    sue = house.client("sue")
    answer = step(sue, version, "return", "sue", reason="Limit is wrong", password="nonsense")
    assert answer.status_code == 422
    assert "Limit is wrong" in text_of(answer)
    assert "Nothing was signed" in text_of(answer)
    assert fresh(session, version).state == "review"
    account = session.scalars(select(UserAccount).where(UserAccount.user_id == person(session, "sue").user_id)).one()
    assert account.failed_signings == 1


@pytest.mark.req("DOC-2")
def test_the_author_reads_on_the_page_why_a_version_came_back(house: House, session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    assert step(house.client("sue"), version, "return", "sue", reason="Limit in 4.2 is wrong").status_code == 302
    page = text_of(house.client("dora").get(f"/documents/show/{version.item_id}"))
    assert "Limit in 4.2 is wrong" in page
    assert "Return to the author" in page


@pytest.mark.req("SIG-3", "21CFR11.300(d)")
def test_three_wrong_passwords_end_the_session_and_alarm(house: House, session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    before = session.scalar(select(func.count()).select_from(OutboxMail))
    sue = house.client("sue")
    answers = []
    for _ in range(3):
        page = sue.get(f"/sign/versions/{version.id}/review")
        form = {"token": token_in(page), "username": "sue", "password": "guess"}
        answers.append(sue.post(f"/sign/versions/{version.id}/review", data=form).status_code)
    assert answers == [422, 422, 302]
    assert sue.get(f"/documents/show/{version.item_id}").status_code == 302, "signed out"
    assert session.scalar(select(func.count()).select_from(OutboxMail)) == (before or 0) + 2


@pytest.mark.req("21CFR11.200(a)(1)")
def test_the_second_signature_in_a_sitting_asks_for_the_password_alone(house: House, session: Session) -> None:
    first = write(session, new_sop(session), "One")
    second = write(session, new_sop(session, "Second"), "Two")
    sue = house.client("sue")
    assert 'name="username"' in text_of(sue.get(f"/sign/versions/{first.id}/review"))
    assert step(sue, first, "review", "sue").status_code == 302
    page = sue.get(f"/sign/versions/{second.id}/review")
    assert 'name="username"' not in text_of(page)
    url = f"/sign/versions/{second.id}/review"
    assert sue.post(url, data={"token": token_in(page), "password": ""}).status_code == 422, "never nothing"
    page = sue.get(url)
    assert sue.post(url, data={"token": token_in(page), "password": PASSWORD}).status_code == 302


@pytest.mark.req("21CFR11.10(g)", "SEC-1")
def test_looking_at_an_action_does_nothing_and_the_wrong_role_gets_nowhere(house: House, session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    tom, ada = house.client("tom"), house.client("ada")
    for client in (tom, ada):
        for name in ("approve", "review", "return", "cancel"):
            assert client.get(f"/sign/versions/{version.id}/{name}").status_code == 404
            assert client.post(f"/sign/versions/{version.id}/{name}", data={}).status_code == 404
    assert tom.get(f"/versions/edit/{version.id}").status_code == 403
    assert tom.get(f"/read/{version.id}").status_code == 404, "a draft is not known to a trainee"
    quinn = house.client("quinn")
    assert quinn.get(f"/sign/versions/{version.id}/take_effect").status_code == 404
    assert quinn.get(f"/sign/versions/{version.id}/nonsense").status_code == 422
    assert quinn.get(f"/sign/nothing/{version.id}/approve").status_code == 404
    assert fresh(session, version).state == "review"
    assert len(session.scalars(select(Transition)).all()) == 1


@pytest.mark.req("CLI-1")
def test_another_clients_document_is_not_found_anywhere(house: House, session: Session) -> None:
    item = new_sop(session, functions=())
    with acting(somebody(session, "dora")):
        item.client_id = unit(session, "ACME").id
        session.commit()
    version = write(session, item, "Secret of Acme")
    approve(session, version)
    charlie = house.client("charlie")
    for place in ("read", "read/sign", "versions/diff", "versions/content", "versions/download", "documents/show"):
        url = f"/{place}/{item.id if place == 'documents/show' else version.id}"
        answer = charlie.get(url)
        assert answer.status_code == 404, url
        assert "Acme" not in text_of(answer)
    assert "Secret" not in text_of(charlie.get("/documents/list/"))
    assert house.client("axel").get(f"/read/{version.id}").status_code == 200


@pytest.mark.req("DOC-7")
def test_the_first_request_after_the_effective_date_makes_it_effective(house: House, session: Session) -> None:
    version = write(session, new_sop(session), "Text", planned_effective_at=NOW + 3 * DAY)
    approve(session, version)
    house.app.test_client().get("/login/")
    assert fresh(session, version).state == "approved"
    at(house, NOW + 3 * DAY + timedelta(seconds=1))
    assert house.app.test_client().get("/login/").status_code == 200, "not even signed in"
    assert fresh(session, version).state == "effective"


@pytest.mark.req("DOC-2", "SEC-3")
def test_a_word_file_is_shown_as_text_and_a_pdf_by_the_browser(house: House, session: Session) -> None:
    item = new_sop(session)
    dora = house.client("dora")
    assert dora.post(f"/documents/new-version/{item.id}", data={"revision_class": "major"}).status_code == 302
    version = session.scalars(select(Version)).one()

    def upload(data: bytes, name: str) -> Any:
        form = {"label": "1", "revision_class": "major", "change_summary": "x", "text": "",
                "row_version": str(fresh(session, version).row_version), "file": (BytesIO(data), name)}  # fmt: skip
        return dora.post(f"/versions/edit/{version.id}", data=form, content_type="multipart/form-data")

    assert upload(docx("Rinse three times"), "sop.docx").status_code == 302
    assert "<p>Rinse three times</p>" in text_of(dora.get(f"/read/{version.id}"))
    assert upload(pdf("Rinse four times"), "sop.pdf").status_code == 302
    page = text_of(dora.get(f"/read/{version.id}"))
    assert f"/versions/content/{version.id}" in page
    assert "Rinse four times" in page, "as plain text as well, for phones and screen readers"
    answer = dora.get(f"/versions/content/{version.id}")
    assert answer.mimetype == "application/pdf"
    assert "inline" in answer.headers["Content-Disposition"]
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert "Rinse four times" in (fresh(session, version).text or "")
    refused = upload(b"MZ\x90\x00 program", "sop.pdf")
    assert refused.status_code == 422
    assert "PDF, a Word document" in text_of(refused)


def pdf(line: str) -> bytes:
    """Return a one-page PDF."""
    body = BytesIO()
    canvas = Canvas(body)
    canvas.drawString(72, 720, line)
    canvas.save()
    return body.getvalue()


@pytest.mark.req("UX-4")
def test_a_stale_draft_form_is_not_saved_and_keeps_what_was_typed(house: House, session: Session) -> None:
    item = new_sop(session)
    dora = house.client("dora")
    dora.post(f"/documents/new-version/{item.id}", data={"revision_class": "major"})
    version = session.scalars(select(Version)).one()
    form = {"label": "1", "revision_class": "major", "text": "Mine", "row_version": str(version.row_version)}
    assert dora.post(f"/versions/edit/{version.id}", data=form | {"change_summary": "First"}).status_code == 302
    answer = dora.post(f"/versions/edit/{version.id}", data=form | {"change_summary": "Second, typed at length"})
    assert answer.status_code == 422
    assert "Second, typed at length" in text_of(answer)
    assert "Somebody else saved this draft" in text_of(answer)
    assert fresh(session, version).change_summary == "First"


@pytest.mark.req("DOC-4")
def test_the_training_impact_is_decided_by_form(house: House, session: Session) -> None:
    item = new_sop(session, functions=("OPERATOR", "LEAD"))
    dora = house.client("dora")
    dora.post(f"/documents/new-version/{item.id}", data={"revision_class": "minor"})
    version = session.scalars(select(Version)).one()
    found = versions.impacts(session, version)
    numbers = {one.function.code: one.function.id for one in found}
    url = f"/versions/training-impact/{version.id}"
    assert dora.get(url).status_code == 200
    form = {f"verdict_{numbers['OPERATOR']}": "ojt", f"reason_{numbers['OPERATOR']}": "New machine",
            f"verdict_{numbers['LEAD']}": "", f"reason_{numbers['LEAD']}": ""}  # fmt: skip
    assert dora.post(url, data=form).status_code == 302
    assert [(one.verdict, one.reason) for one in versions.verdicts_of(session, version)] == [("ojt", "New machine")]


@pytest.mark.req("DOC-7", "UX-3")
def test_the_planned_day_begins_where_the_company_is_and_is_shown_as_that_day(house: House, session: Session) -> None:
    house.app.config["TIME_ZONE"] = "Europe/Berlin"
    try:
        item = new_sop(session)
        dora = house.client("dora")
        dora.post(f"/documents/new-version/{item.id}", data={"revision_class": "major"})
        version = session.scalars(select(Version)).one()
        form = {"label": "1", "revision_class": "major", "change_summary": "x", "text": "Text",
                "planned": "2026-07-01", "row_version": str(version.row_version)}  # fmt: skip
        assert dora.post(f"/versions/edit/{version.id}", data=form).status_code == 302
        assert fresh(session, version).planned_effective_at == datetime(2026, 6, 30, 22, tzinfo=UTC)
        assert 'value="2026-07-01"' in text_of(dora.get(f"/versions/edit/{version.id}"))
        assert "1 Jul 2026" in text_of(dora.get(f"/documents/show/{item.id}?version={version.id}"))
    finally:
        house.app.config["TIME_ZONE"] = "UTC"
