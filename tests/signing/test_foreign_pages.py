"""A token signs on its own page only, and once: what other pages do with it (SIG-1, 21 CFR 11.70, CLI-1, JOB-3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotAllowed
from app.models.access import AccountClient, UserAccount
from app.models.importing import ImportRun
from app.models.matrix import Completion, Requirement
from app.models.organization import Unit
from app.models.signing import Signature, Transition
from app.safeguards.context import acting
from app.services import files, signing, trail_review
from tests.acts import POLICY, somebody
from tests.cast import NOW, PASSWORD, context_of
from tests.conftest import House
from tests.importing.books import workbook
from tests.records.test_documents import DAY, approve, new_sop, unit, write

pytestmark = pytest.mark.req("SIG-1", "21CFR11.70")

MATRIX = [["Job title", "SOP-901", "SOP-902", "SOP-903"], ["Sterile operator", "X", "X", ""], ["Lead", "", "X", "X"]]
REFUSED = "This signing page belongs to another record."


@pytest.fixture
def session(house: House) -> Iterator[Session]:
    """The clock of the pages stands at ``NOW``; Quinn, Sue and Tom may do everything that is signed here."""
    house.app.config["CLOCK"] = lambda: NOW
    files.configure(house.app.config["FILE_FOLDER"])
    with acting(context_of()):
        quinn = house.session.scalars(select(User).where(User.username == "quinn")).one()
        quinn.roles = house.session.scalars(select(Role).where(Role.name.in_(["QA", "Coordinator", "Trainee"]))).all()
        house.session.commit()
        yield house.session
    house.app.config.pop("CLOCK")


def upload(client: FlaskClient, kind: str, data: bytes, name: str) -> str:
    """Upload a file; return the address at which its import is signed."""
    form = {"kind": kind, "file": (BytesIO(data), name)}
    answer = client.post("/import/", data=form, content_type="multipart/form-data")
    assert answer.status_code == 302, answer.get_data(as_text=True)[:2000]
    return str(answer.headers["Location"]) + "sign"


def units(client: FlaskClient, code: str) -> str:
    return upload(client, "units", f"kind,code,name\njob_function,{code},Job {code}\n".encode(), f"{code}.csv")


def token_of(client: FlaskClient, url: str) -> str:
    page = client.get(url).get_data(as_text=True)
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page[:2000]
    return found[1]


def send(client: FlaskClient, url: str, token: str, **form: str) -> Any:
    return client.post(url, data={"token": token, "username": "quinn", "password": PASSWORD, "reason": "Why"} | form)


def written(session: Session) -> list[Any]:
    """How much there is of all that a signature writes."""
    session.expire_all()
    counted = (Signature, Transition, Completion, Requirement, Unit)
    states = session.execute(select(ImportRun.state, ImportRun.signature_id).order_by(ImportRun.id)).all()
    return [*(session.scalar(select(func.count()).select_from(model)) for model in counted), *map(tuple, states)]


@dataclass
class Pages:
    """A browser of Quinn's, and an address for each kind of page that asks for a signature."""

    client: FlaskClient
    urls: dict[str, str]


@pytest.fixture
def pages(house: House, session: Session) -> Pages:
    client = house.client("quinn")
    reviewed = write(session, new_sop(session, "Weighing"), "Text")
    to_read = write(session, new_sop(session, functions=("QA_SPECIALIST",)), "Text")
    approve(session, to_read)
    with acting(somebody(session, "quinn")):
        review = trail_review.begin_review(session, NOW - 9 * DAY, NOW - DAY, "Fine.")
        session.commit()
    with acting(somebody(session, "sue")):
        from_sue = reviewed.id
    urls = {
        "step": f"/sign/versions/{from_sue}/return",
        "list": units(client, "NEW1"),
        "matrix": upload(client, "matrix", workbook({"Matrix": MATRIX}), "matrix.xlsx"),
        "trail": f"/trail/review/{review.id}/sign",
        "reading": f"/read/sign/{to_read.id}",
    }
    return Pages(client, urls)


KINDS = ("step", "list", "matrix", "trail", "reading")


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_of_another_page_is_refused_unused_and_used(session: Session, pages: Pages, kind: str) -> None:
    own, foreign = pages.urls[kind], units(pages.client, "OTHER")
    token = token_of(pages.client, foreign)
    token_of(pages.client, own)
    before = written(session)
    answer = send(pages.client, own, token)
    assert answer.status_code == 422
    assert REFUSED in answer.get_data(as_text=True)
    assert written(session) == before, "an unused token"
    assert send(pages.client, foreign, token).status_code == 302
    before = written(session)
    for form in ({}, {"username": "", "password": ""}):
        answer = send(pages.client, own, token, **form)
        assert answer.status_code == 422
        assert REFUSED in answer.get_data(as_text=True)
        assert written(session) == before, "a used token"


@pytest.mark.parametrize("kind", ["step", "trail", "reading", "matrix"])
def test_a_token_of_any_page_signs_no_import(session: Session, pages: Pages, kind: str) -> None:
    token = token_of(pages.client, pages.urls[kind])
    assert send(pages.client, pages.urls[kind], token).status_code == 302
    before = written(session)
    assert send(pages.client, pages.urls["list"], token, username="", password="").status_code == 422
    assert written(session) == before


@pytest.mark.req("JOB-3")
@pytest.mark.parametrize("kind", KINDS)
def test_the_own_page_sent_twice_leads_to_the_same_place_and_writes_once(
    session: Session, pages: Pages, kind: str
) -> None:
    token = token_of(pages.client, pages.urls[kind])
    first = send(pages.client, pages.urls[kind], token)
    assert first.status_code == 302, first.get_data(as_text=True)[:3000]
    before = written(session)
    again = send(pages.client, pages.urls[kind], token)
    assert (again.status_code, again.headers["Location"]) == (302, first.headers["Location"])
    assert written(session) == before


@pytest.mark.parametrize("kind", ["list", "matrix"])
def test_two_open_pages_of_one_import_sign_it_once(session: Session, pages: Pages, kind: str) -> None:
    tokens = [token_of(pages.client, pages.urls[kind]) for _ in range(2)]
    assert send(pages.client, pages.urls[kind], tokens[0]).status_code == 302
    before = written(session)
    assert send(pages.client, pages.urls[kind], tokens[1]).status_code != 302
    assert written(session) == before


def test_a_token_for_one_purpose_is_refused_for_another_of_the_same_record(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    with acting(somebody(session, "sue")):
        page = signing.open_challenge(session, version, "review")
        act = signing.Act(
            page.token, "sue", PASSWORD, record_type="versions", record_id=version.id, purpose="return"
        )  # fmt: skip
        with pytest.raises(NotAllowed, match="another record"):
            signing.sign(session, act, POLICY)


@pytest.mark.req("IMP-3")
def test_one_upload_and_one_signature_leave_one_import(session: Session, pages: Pages) -> None:
    before = session.scalar(select(func.count()).select_from(ImportRun)) or 0
    url = units(pages.client, "ONCE")
    assert send(pages.client, url, token_of(pages.client, url)).status_code == 302
    runs = session.scalars(select(ImportRun).order_by(ImportRun.id.desc())).all()
    assert len(runs) == before + 1
    assert (runs[0].state, runs[0].progress, runs[0].reason) == ("committed", 100, "Why")
    assert runs[0].signature_id is not None
    assert '"add": 1' in (runs[0].summary or "")


@pytest.mark.req("CLI-1")
def test_a_coordinator_of_one_client_knows_of_own_imports_only(house: House, session: Session, pages: Pages) -> None:
    charlie = session.scalars(select(User).where(User.username == "charlie")).one()
    charlie.roles = session.scalars(select(Role).where(Role.name == "Coordinator")).all()
    account = session.scalars(select(UserAccount).where(UserAccount.user_id == charlie.id)).one()
    assert not account.all_clients
    assert session.scalars(select(AccountClient.unit_id).where(AccountClient.account_id == account.id)).all() == [
        unit(session, "BETA").id
    ]
    session.commit()
    limited = house.client("charlie")
    before = written(session)
    for kind in ("list", "matrix"):
        base = pages.urls[kind].removesuffix("sign")
        for page in (
            ("", "match", "check", "findings.xlsx", "export.xlsx", "sign") if kind == "matrix" else ("", "sign")
        ):
            assert limited.get(base + page).status_code == 404, base + page
        for page in ("sign", "cancel"):
            assert limited.post(base + page, data={"token": "x"}).status_code == 404, base + page
    assert written(session) == before
    index = limited.get("/import/").get_data(as_text=True)
    assert "NEW1.csv" not in index
    own = units(limited, "MINE")
    assert "MINE.csv" in limited.get("/import/").get_data(as_text=True)
    assert limited.get(own).status_code == 200
    everything = pages.client.get("/import/").get_data(as_text=True)
    assert "NEW1.csv" in everything
    assert "MINE.csv" in everything
