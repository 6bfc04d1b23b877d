"""What every kind of record must do, whatever it is: a class that the tests of each kind inherit.

A kind says how an example is made and what its forms hold; everything else is asked here, through the pages that
people use. See docs/how-to-add-an-entity.md.
"""

import io
import re
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlsplit

import openpyxl
import pytest
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.access import AccountClient, UserAccount
from app.models.base import Fact, Record, Scoped
from app.models.organization import Unit
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from tests.cast import CAST, context_of
from tests.conftest import House
from tests.records.tools import NONSENSE, counted, hidden

LIST_BUDGET = 10
"""So many statements at most for a page of a list, sign-in and permissions included."""

APPLIES: dict[str, Callable[[Any], bool]] = {
    "test_a_remark_and_a_file_stay_with_the_record": lambda suite: suite.view.keeps_files,
    "test_a_new_record_is_kept_and_on_the_trail": lambda suite: suite.view.may_add,
    "test_a_refused_form_keeps_what_was_typed": lambda suite: bool(suite.spoiled),
    "test_a_change_needs_a_reason_and_the_history_tells_it": lambda suite: suite.view.may_edit,
    "test_a_stale_form_overwrites_nothing_and_loses_nothing": lambda suite: suite.view.may_edit,
    "test_a_form_with_a_forged_version_changes_nothing": lambda suite: suite.view.may_edit,
    "test_a_fact_is_withdrawn_with_a_reason_and_never_deleted": lambda suite: issubclass(suite.view.model, Fact),
    "test_another_clients_record_is_not_found_anywhere": lambda suite: issubclass(suite.view.model, Scoped),
    "test_the_number_of_records_tells_nothing_about_other_clients": lambda suite: issubclass(suite.view.model, Scoped),
}
"""Tests that make sense for some kinds of record only."""


class RecordSuite:
    """Derive a test class from it; name it ``Test…`` and fill in the class attributes."""

    def __init_subclass__(cls) -> None:
        """Leave out what does not apply to this kind of record."""
        for name, applies in APPLIES.items():
            if cls.__name__.startswith("Test") and not applies(cls):
                setattr(cls, name, None)

    view: ClassVar[Any]
    """The RecordView class."""
    keeper: ClassVar[str] = "cora"
    """One of the cast who may see, add and change these records."""
    voider: ClassVar[str] = "cora"
    """One of the cast who may withdraw them, where they are facts."""
    outsider: ClassVar[str] = "tom"
    """One of the cast who may not even see them."""
    new: ClassVar[dict[str, Any]] = {}
    """What the form for a new record is filled with; ``new_from`` for what depends on the database."""
    change: ClassVar[dict[str, Any]] = {}
    """What the form of the example is filled with to change it."""
    spoiled: ClassVar[dict[str, Any]] = {}
    """What makes the form for a new record one that is refused, while ``kept`` was typed beside it."""
    kept: ClassVar[str] = ""
    """A text that is typed in the refused form and must still be there."""
    changed_text: ClassVar[str] = ""
    """A text that the page of the example shows after the change."""

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        """Add and return an example; ``number`` tells several apart, ``client`` is the id of the client it is of."""
        raise AssertionError("say how an example is made")

    def new_from(self, session: Session) -> dict[str, Any]:
        """Return the form for a new record."""
        return dict(self.new)

    def change_from(self, session: Session, record: Any) -> dict[str, Any]:
        """Return the form that changes the example."""
        return dict(self.change)

    # --- tools -------------------------------------------------------------------------------------------------------

    @property
    def base(self) -> str:
        return str(self.view.route_base)

    @pytest.fixture
    def home(self, house: House) -> House:
        """The application that the records live in."""
        return house

    @pytest.fixture
    def example(self, home: House) -> int:
        """The id of one example."""
        return self.written(home, lambda session: self.make(session, 1))

    @pytest.fixture
    def keeping(self, home: House) -> FlaskClient:
        """A browser of somebody who keeps these records."""
        return home.client(self.keeper)

    def written(self, home: House, make: Callable[[Session], Record]) -> int:
        """Write a record as a test, in all clients' scope, and return its id."""
        with acting(context_of()):
            record = make(home.session)
            home.session.commit()
            number = int(record.id)
        home.session.remove()  # type: ignore[attr-defined]
        return number

    def client_id(self, home: House, code: str) -> int:
        with acting(context_of()):
            found = home.session.scalar(select(Unit.id).where(Unit.kind == "client", Unit.code == code))
        assert found is not None
        return int(found)

    def stored(self, home: House, number: int) -> Any:
        """Return the record as it is in the database now."""
        home.session.remove()  # type: ignore[attr-defined]
        with acting(context_of()):
            key: Any = self.view.model.id
            return home.session.scalar(select(self.view.model).where(key == number))

    def trail(self, home: House, number: int) -> list[AuditEntry]:
        with acting(context_of()):
            query = select(AuditEntry).where(
                AuditEntry.table_name == self.view.model.__tablename__, AuditEntry.record_id == str(number)
            )
            return list(home.session.scalars(query.order_by(AuditEntry.id)))

    def opened(self, browser: FlaskClient, number: int) -> dict[str, str]:
        """Open the form of a record and return the version that it carries."""
        answer = browser.get(f"{self.base}/edit/{number}")
        assert answer.status_code == 200, answer.status_code
        return {"row_version": hidden(answer.text, "row_version")}

    # --- lists -------------------------------------------------------------------------------------------------------

    def test_the_list_shows_the_record(self, home: House, example: int, keeping: FlaskClient) -> None:
        page = keeping.get(f"{self.base}/list/")
        assert page.status_code == 200
        assert f"{self.base}/show/{example}" in page.text

    def test_the_list_sorts_by_every_column_and_back(self, home: House, example: int, keeping: FlaskClient) -> None:
        page = keeping.get(f"{self.base}/list/").text
        sorts = set(re.findall(r"sort=(\w+)", page))
        for name in sorts:
            for way in ("up", "down"):
                answer = keeping.get(f"{self.base}/list/?sort={name}&dir={way}&size=200")
                assert answer.status_code == 200, (name, way)
                assert f"{self.base}/show/{example}" in answer.text, (name, way)

    def test_every_filter_can_be_put_on_and_taken_off(self, home: House, example: int, keeping: FlaskClient) -> None:
        for name in self.view.filter_columns:
            for argument, value in ((f"f.{name}", "1"), (f"from.{name}", "2020-01-01"), (f"to.{name}", "2020-01-01")):
                answer = keeping.get(f"{self.base}/list/?{argument}={value}")
                assert answer.status_code == 200, argument
                assert 'class="chip on"' in answer.text, f"{argument} shows no chip"

    def test_a_nonsensical_address_is_answered_with_the_list(self, home: House, keeping: FlaskClient) -> None:
        for nonsense in NONSENSE:
            assert keeping.get(f"{self.base}/list/?{nonsense}").status_code == 200, nonsense

    def test_the_list_costs_few_statements_however_many_rows(self, home: House, keeping: FlaskClient) -> None:
        def add_some(session: Session) -> Record:
            return [self.make(session, number) for number in range(1, 31)][-1]

        self.written(home, add_some)
        keeping.get(f"{self.base}/list/?size=25")
        with counted(home) as few:
            assert keeping.get(f"{self.base}/list/?size=25").status_code == 200
        with counted(home) as many:
            assert keeping.get(f"{self.base}/list/?size=200").status_code == 200
        assert len(few) <= LIST_BUDGET, "\n".join(few)
        assert len(many) <= len(few), "a longer page costs more statements: something is loaded row by row"

    # --- pages -------------------------------------------------------------------------------------------------------

    def test_the_page_of_the_record_opens_with_its_history(
        self, home: House, example: int, keeping: FlaskClient
    ) -> None:
        page = keeping.get(f"{self.base}/show/{example}")
        assert page.status_code == 200
        assert "created" in page.text

    def test_a_forged_id_is_not_found(self, home: House, keeping: FlaskClient) -> None:
        for number in ("0", "999999", "99999999999999999999999", "-1", "1%20or%201=1", "abc"):
            for page in ("show", "edit") if self.view.may_edit else ("show",):
                assert keeping.get(f"{self.base}/{page}/{number}").status_code == 404, (page, number)

    def test_a_remark_and_a_file_stay_with_the_record(self, home: House, example: int, keeping: FlaskClient) -> None:
        keeping.post(f"{self.base}/comments/{example}", data={"text": "<b>Seen</b> and discussed"})
        sent = {"file": (io.BytesIO(b"col\n1\n"), "evidence.csv"), "description": "the evidence"}
        keeping.post(f"{self.base}/files/{example}", data=sent, content_type="multipart/form-data")
        page = keeping.get(f"{self.base}/show/{example}").text
        assert "&lt;b&gt;Seen&lt;/b&gt; and discussed" in page
        address = re.search(rf"{self.base}/files/{example}/\d+", page)
        assert address
        answer = keeping.get(address.group(0))
        assert answer.data == b"col\n1\n"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith("attachment")

    # --- new records -------------------------------------------------------------------------------------------------

    def test_a_new_record_is_kept_and_on_the_trail(self, home: House, keeping: FlaskClient) -> None:
        answer = keeping.post(f"{self.base}/add", data=self.new_from(home.session))
        assert answer.status_code == 302, re.findall(r'class="field-error".*?</p>', answer.text)
        with acting(context_of()):
            entry = home.session.scalar(
                select(AuditEntry)
                .where(AuditEntry.table_name == self.view.model.__tablename__, AuditEntry.action == "I")
                .order_by(AuditEntry.id.desc())
            )
        assert entry is not None
        assert entry.username == self.keeper

    def test_a_refused_form_keeps_what_was_typed(self, home: House, keeping: FlaskClient) -> None:
        answer = keeping.post(f"{self.base}/add", data=self.new_from(home.session) | self.spoiled)
        assert answer.status_code == 422
        assert self.kept in answer.text
        assert "error-summary" in answer.text

    # --- changes -----------------------------------------------------------------------------------------------------

    def test_a_change_needs_a_reason_and_the_history_tells_it(
        self, home: House, example: int, keeping: FlaskClient
    ) -> None:
        form = self.opened(keeping, example) | self.change_from(home.session, self.stored(home, example))
        if self.view.asks_reason:
            refused = keeping.post(f"{self.base}/edit/{example}", data=form)
            assert refused.status_code == 422
            assert "Say why" in refused.text
        answer = keeping.post(
            f"{self.base}/edit/{example}", data=form | {"reason_for_change": "It was a slip of the pen"}
        )
        assert answer.status_code == 302, re.findall(r'class="field-error".*?</p>', answer.text)
        entries = self.trail(home, example)
        assert entries[-1].reason == "It was a slip of the pen"
        assert entries[-1].username == self.keeper
        page = keeping.get(urlsplit(answer.headers["Location"]).path).text
        assert self.changed_text in page

    def test_a_stale_form_overwrites_nothing_and_loses_nothing(
        self, home: House, example: int, keeping: FlaskClient
    ) -> None:
        stale = self.opened(keeping, example)
        form = self.change_from(home.session, self.stored(home, example)) | {"reason_for_change": "The first one"}
        assert keeping.post(f"{self.base}/edit/{example}", data=stale | form).status_code == 302
        before = len(self.trail(home, example))
        again = keeping.post(f"{self.base}/edit/{example}", data=stale | form | {"reason_for_change": "The second one"})
        if issubclass(self.view.model, Fact):
            assert again.status_code == 404, "the fact was withdrawn by the first change"
        else:
            assert again.status_code == 409
            assert "The second one" in again.text
        assert len(self.trail(home, example)) == before

    def test_a_form_with_a_forged_version_changes_nothing(
        self, home: House, example: int, keeping: FlaskClient
    ) -> None:
        before = len(self.trail(home, example))
        form = self.change_from(home.session, self.stored(home, example)) | {"reason_for_change": "Forged"}
        for version in ("", "0", "999", "x", "-1"):
            answer = keeping.post(f"{self.base}/edit/{example}", data=form | {"row_version": version})
            assert answer.status_code == 409, version
        assert len(self.trail(home, example)) == before

    def test_a_fact_is_withdrawn_with_a_reason_and_never_deleted(self, home: House, example: int) -> None:
        browser = home.client(self.voider)
        assert browser.post(f"{self.base}/withdraw/{example}", data={"reason": " "}).status_code == 422
        answer = browser.post(f"{self.base}/withdraw/{example}", data={"reason": "It never was so"})
        assert answer.status_code == 302
        kept = self.stored(home, example)
        assert kept is not None
        assert kept.void_reason == "It never was so"

    def test_nothing_can_be_deleted(self, home: House, example: int, keeping: FlaskClient) -> None:
        for send in (keeping.get, keeping.post):
            assert send(f"{self.base}/delete/{example}").status_code == 404

    # --- who may -----------------------------------------------------------------------------------------------------

    def test_a_role_without_the_permission_is_refused_and_the_trail_notes_it(self, home: House, example: int) -> None:
        browser = home.client(self.outsider)
        forms = (["add"] if self.view.may_add else []) + ([f"edit/{example}"] if self.view.may_edit else [])
        for page in ("list/", f"show/{example}", "export/csv", *forms):
            assert browser.get(f"{self.base}/{page}").status_code == 403, page
        for page in forms:
            assert browser.post(f"{self.base}/{page}", data={}).status_code == 403, page
        with acting(context_of()):
            query = select(AuditEntry).where(AuditEntry.kind == "refused", AuditEntry.username == self.outsider)
            assert len(list(home.session.scalars(query))) == 3 + 2 * len(forms)

    def test_somebody_who_is_not_signed_in_is_sent_to_sign_in(self, home: House, example: int) -> None:
        browser = home.client()
        forms = (["add"] if self.view.may_add else []) + ([f"edit/{example}"] if self.view.may_edit else [])
        for page in ("list/", f"show/{example}", "export/xlsx", *forms):
            answer = browser.get(f"{self.base}/{page}")
            assert answer.status_code == 302, page
            assert urlsplit(answer.headers["Location"]).path == "/login/"

    def test_no_page_shows_a_button_that_its_reader_may_not_use(self, home: House, example: int) -> None:
        for member in CAST:
            if member.role is None:
                continue
            browser = home.client(member.username)
            page = browser.get(f"{self.base}/show/{example}")
            if page.status_code == 200 and f'href="{self.base}/edit/{example}"' in page.text:
                assert browser.get(f"{self.base}/edit/{example}").status_code == 200, member.username

    # --- client segregation ------------------------------------------------------------------------------------------

    def test_another_clients_record_is_not_found_anywhere(self, home: House) -> None:
        theirs = self.written(home, lambda session: self.make(session, 7, self.client_id(home, "BETA")))
        ours = self.written(home, lambda session: self.make(session, 8, self.client_id(home, "ACME")))
        browser = self.narrowed(home, self.keeper, "ACME")
        assert browser.get(f"{self.base}/show/{ours}").status_code == 200
        forms = [f"edit/{theirs}"] if self.view.may_edit else []
        for page in (f"show/{theirs}", f"files/{theirs}/1", *forms):
            assert browser.get(f"{self.base}/{page}").status_code == 404, page
        for page in (f"comments/{theirs}", f"files/{theirs}", *forms):
            assert browser.post(f"{self.base}/{page}", data={"text": "hello"}).status_code == 404, page
        listed = browser.get(f"{self.base}/list/?size=200").text
        assert f"{self.base}/show/{ours}" in listed
        assert f"{self.base}/show/{theirs}" not in listed
        with acting(context_of()):
            words = [str(self.stored(home, number)) for number in (ours, theirs)]
        exported = browser.get(f"{self.base}/export/csv").text
        label = words[1].split(" · ")[0]
        assert words[0] != words[1]
        assert label not in exported or label in words[0]

    def test_the_number_of_records_tells_nothing_about_other_clients(self, home: House) -> None:
        browser = self.narrowed(home, self.keeper, "ACME")
        before = re.search(r"(\d+) records?", browser.get(f"{self.base}/list/").text)
        self.written(home, lambda session: self.make(session, 7, self.client_id(home, "BETA")))
        after = re.search(r"(\d+) records?", browser.get(f"{self.base}/list/").text)
        assert (before and before.group(0)) == (after and after.group(0))

    def narrowed(self, home: House, username: str, client: str) -> FlaskClient:
        """Sign in as one of the cast whose scope has been narrowed to one client."""
        with acting(context_of()):
            user = home.session.scalar(select(User).where(User.username == username))
            assert user is not None
            account = home.session.scalar(select(UserAccount).where(UserAccount.user_id == user.id))
            assert account is not None
            account.all_clients = False
            home.session.add(AccountClient(account_id=account.id, unit_id=self.client_id(home, client)))
            home.session.commit()
        home.session.remove()  # type: ignore[attr-defined]
        return home.client(username)

    # --- export ------------------------------------------------------------------------------------------------------

    def test_the_list_is_exported_as_filtered_and_the_trail_notes_it(
        self, home: House, example: int, keeping: FlaskClient
    ) -> None:
        csv = keeping.get(f"{self.base}/export/csv")
        assert csv.status_code == 200
        assert csv.headers["Content-Disposition"].startswith("attachment")
        book = openpyxl.load_workbook(io.BytesIO(keeping.get(f"{self.base}/export/xlsx").data))
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert not [cell.coordinate for cell in cells if cell.data_type == "f"], "no cell may be a formula"
        nothing = keeping.get(f"{self.base}/export/csv?q=zzzzqqqqxxxx").text
        assert len(nothing.splitlines()) < len(csv.text.splitlines()) + 1
        assert keeping.get(f"{self.base}/export/exe").status_code == 422
        with acting(context_of()):
            query = select(AuditEntry).where(AuditEntry.kind == "export", AuditEntry.username == self.keeper)
            assert len(list(home.session.scalars(query))) == 3

    # --- actions -----------------------------------------------------------------------------------------------------

    def test_actions_are_taken_by_post_alone_and_by_those_who_may(self, home: House, example: int) -> None:
        for name in ("anything", *(one.name for one in self.deeds())):
            assert home.client(self.keeper).get(f"{self.base}/do/{name}?rowid={example}").status_code == 405
            answer = home.client(self.outsider).post(f"{self.base}/do/{name}", data={"rowid": example})
            assert answer.status_code == (404 if name == "anything" else 403)

    def deeds(self) -> list[Any]:
        found = (getattr(getattr(self.view, name, None), "deed", None) for name in dir(self.view))
        return [one for one in found if one is not None]
