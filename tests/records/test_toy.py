"""Adding a kind of record takes one model and one view: everything else comes by itself (shown on a toy)."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, Date, Integer, String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.domain.errors import RuleBroken
from app.models.base import Record, Scoped, UtcDateTime
from app.models.configuration import Choice, ChoiceList, CustomField
from app.safeguards.context import acting
from app.safeguards.guards import install_guards
from app.views.base import RecordView, deed
from tests.cast import NOW, context_of
from tests.conftest import House, prepare, settings_for
from tests.records.suite import RecordSuite, counted


class Toy(Scoped, Record):
    """One model: columns and labels, no rule."""

    __tablename__ = "toys"

    code: Mapped[str] = mapped_column(String(30), nullable=False, unique=True, info={"label": _l("Code")})
    name: Mapped[str] = mapped_column(String(80), nullable=False, info={"label": _l("Name")})
    kind: Mapped[str] = mapped_column(
        String(20),
        nullable=False,
        default="soft",
        info={"label": _l("Kind"), "choices": {"soft": "Soft", "hard": "Hard"}},
    )
    pieces: Mapped[int | None] = mapped_column(Integer, info={"label": _l("Pieces")})
    bought_on: Mapped[date | None] = mapped_column(Date, info={"label": _l("Bought")})
    broken_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Broken")})
    loved: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False, info={"label": _l("Loved")})
    story: Mapped[str | None] = mapped_column(Text, info={"label": _l("Story")})

    def __repr__(self) -> str:
        return f"{self.code} · {self.name}"


# The toy lives in this test alone; the real tables are compared with the migrations elsewhere.
Model.metadata.remove(Toy.__table__)  # type: ignore[arg-type]


class ToyView(RecordView):
    """One view: which permission, which columns."""

    model = Toy
    resource = "units"
    route_base = "/toys"
    title = _l("Toys")
    title_one = _l("Toy")
    list_columns = ("code", "name", "kind", "pieces", "bought_on", "broken_at", "loved", "client_id")
    search_columns = ("code", "name", "story")
    filter_columns = ("kind", "pieces", "bought_on", "broken_at", "loved", "name", "client_id")
    add_columns = ("code", "name", "kind", "pieces", "bought_on", "broken_at", "loved", "story", "client_id")
    order = ("code",)

    @deed("mend", _l("Mend"), "edit")
    def mend(self, records: list[Toy]) -> str:
        """Take the damage off."""
        for record in records:
            if record.broken_at is None:
                raise RuleBroken("%(toy)s is not broken.", toy=record.name)
            record.broken_at = None
        return f"{len(records)} mended"

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """A rule that no column can state."""
        if values["kind"] == "hard" and values["pieces"] == 13:
            raise RuleBroken("Thirteen hard pieces are unlucky.", field="pieces")
        return super().create(session, values)


@pytest.fixture(scope="session")
def toy_app(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """An application of its own that knows toys."""
    from app import create_app
    from app.extensions import db

    folder = tmp_path_factory.mktemp("toys")
    app = create_app(settings_for(folder, f"sqlite:///{folder / 'live.db'}"))
    with app.app_context():
        app.extensions["appbuilder"].add_view_no_menu(ToyView())
    prepare(app)
    with app.app_context():
        Toy.__table__.create(db.engine)  # type: ignore[attr-defined]
        with db.engine.begin() as connection:
            install_guards(connection)
        db.engine.dispose()
    (folder / "prepared.db").write_bytes((folder / "live.db").read_bytes())
    return app, folder


@pytest.fixture
def toy_house(toy_app: tuple[Any, Path]) -> Iterator[House]:
    """The application with toys, on a fresh database."""
    app, folder = toy_app
    from app.extensions import db

    with app.app_context():
        db.session.remove()
        db.engine.dispose()
        for leftover in folder.glob("live.db*"):
            leftover.unlink()
        (folder / "live.db").write_bytes((folder / "prepared.db").read_bytes())
        yield House(app)
        db.session.remove()


@pytest.mark.req("AUD-1", "SEC-1", "CLI-1", "UX-4")
class TestToys(RecordSuite):
    view = ToyView
    new = {"code": "BEAR", "name": "Bear", "kind": "soft", "pieces": "1", "bought_on": "2026-01-31"}
    change = {"code": "T1", "name": "Bear with one ear", "kind": "soft"}
    changed_text = "Bear with one ear"
    spoiled = {"pieces": "many", "name": "A name that took long to type"}
    kept = "A name that took long to type"

    @pytest.fixture
    def home(self, toy_house: House) -> House:
        return toy_house

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        toy = Toy(code=f"T{number}", name=f"Toy {number}", kind="soft", broken_at=NOW, client_id=client)
        session.add(toy)
        session.flush()
        return toy

    def test_a_rule_that_says_no_is_shown_at_its_field_and_nothing_is_written(
        self, home: House, keeping: FlaskClient
    ) -> None:
        form = {"code": "DOMINO", "name": "Domino", "kind": "hard", "pieces": "13", "story": "A long story"}
        answer = keeping.post("/toys/add", data=form)
        assert answer.status_code == 422
        assert "Thirteen hard pieces are unlucky." in answer.text
        assert "A long story" in answer.text
        with acting(context_of()):
            assert home.session.query(Toy).count() == 0

    def test_a_code_that_is_taken_is_said_at_the_field(self, home: House, example: int, keeping: FlaskClient) -> None:
        answer = keeping.post("/toys/add", data={"code": "T1", "name": "Twin", "kind": "soft"})
        assert answer.status_code == 422
        assert "There is one with this value already: T1 · Toy 1" in answer.text

    def test_instants_are_typed_and_shown_in_the_readers_zone(self, home: House, keeping: FlaskClient) -> None:
        keeping.post("/account/", data={"language": "en", "time_zone": "America/New_York"})
        keeping.post("/toys/add", data={"code": "CAR", "name": "Car", "kind": "hard", "broken_at": "2026-07-01T10:00"})
        with acting(context_of()):
            toy = home.session.query(Toy).one()
        assert toy.broken_at is not None
        assert toy.broken_at.isoformat() == "2026-07-01T14:00:00+00:00"
        assert 'value="2026-07-01T10:00"' in keeping.get(f"/toys/edit/{toy.id}").text

    def test_an_action_that_fails_for_one_row_changes_none(self, home: House, keeping: FlaskClient) -> None:
        broken = self.written(home, lambda session: self.make(session, 1))
        keeping.post("/toys/add", data={"code": "FINE", "name": "Fine toy", "kind": "soft"})
        with acting(context_of()):
            fine = home.session.query(Toy).filter_by(code="FINE").one().id
        answer = keeping.post("/toys/do/mend", data={"rowid": [broken, fine]}, follow_redirects=True)
        assert "Fine toy is not broken." in answer.text
        assert self.stored(home, broken).broken_at == NOW
        assert "1 mended" in keeping.post("/toys/do/mend", data={"rowid": broken}, follow_redirects=True).text
        assert self.stored(home, broken).broken_at is None

    def test_an_action_on_another_clients_record_is_not_found(self, home: House) -> None:
        theirs = self.written(home, lambda session: self.make(session, 7, self.client_id(home, "BETA")))
        browser = self.narrowed(home, "cora", "ACME")
        assert browser.post("/toys/do/mend", data={"rowid": theirs}).status_code == 404
        assert self.stored(home, theirs).broken_at == NOW

    def test_a_record_cannot_be_given_to_a_client_out_of_sight(self, home: House) -> None:
        beta = self.client_id(home, "BETA")
        browser = self.narrowed(home, "cora", "ACME")
        answer = browser.post("/toys/add", data={"code": "X", "name": "X", "kind": "soft", "client_id": beta})
        assert answer.status_code == 422
        assert "Choose one from the list." in answer.text

    def test_filters_of_one_reader_never_show_up_for_another(self, home: House, keeping: FlaskClient) -> None:
        for number in range(1, 4):
            self.written(home, lambda session, number=number: self.make(session, number))
        other = home.client("quinn")
        assert "/toys/show/2" not in keeping.get("/toys/list/?f.name=Toy+1").text
        page = other.get("/toys/list/").text
        assert "/toys/show/2" in page
        assert 'class="chip on"' not in page

    @pytest.mark.req("UX-6")
    def test_a_field_added_by_form_is_on_forms_pages_and_exports(self, home: House, keeping: FlaskClient) -> None:
        def add(session: Session) -> Record:
            colors = ChoiceList(code="colors", name="Colors")
            session.add(colors)
            session.flush()
            session.add(Choice(list_id=colors.id, code="r", label="Red"))
            field = CustomField(record_type="toys", code="color", label="Color", kind="choice", list_id=colors.id)
            session.add(field)
            session.flush()
            return field

        number = self.written(home, add)
        name = f"custom_{number}"
        refused = keeping.post("/toys/add", data={"code": "B", "name": "Ball", "kind": "soft", name: "green"})
        assert refused.status_code == 422
        assert "“green” is not in the list Colors" in refused.text
        saved = keeping.post("/toys/add", data={"code": "B", "name": "Ball", "kind": "soft", name: "r"})
        assert saved.status_code == 302
        assert "Red" in keeping.get(saved.headers["Location"]).text
        assert keeping.get("/toys/export/csv").text.splitlines()[1].endswith("Red")

    def test_two_people_changing_an_added_field_do_not_overwrite_each_other(
        self, home: House, example: int, keeping: FlaskClient
    ) -> None:
        number = self.written(
            home, lambda session: _added(session, CustomField(record_type="toys", code="n", label="N"))
        )
        stale = self.opened(keeping, example) | {"code": "T1", "name": "Toy 1", "kind": "soft", "broken_at": ""}
        first = stale | {f"custom_{number}": "first", "reason_for_change": "first"}
        assert keeping.post(f"/toys/edit/{example}", data=first).status_code == 302
        second = stale | {f"custom_{number}": "second", "reason_for_change": "second"}
        answer = keeping.post(f"/toys/edit/{example}", data=second)
        assert answer.status_code == 409
        assert "second" in answer.text

    def test_formulas_in_text_are_harmless_in_exports(self, home: House, keeping: FlaskClient) -> None:
        keeping.post("/toys/add", data={"code": "=1+1", "name": '=HYPERLINK("http://x")', "kind": "soft"})
        line = keeping.get("/toys/export/csv").text.splitlines()[1]
        assert line.startswith("'=1+1,\"'=HYPERLINK")

    def test_the_form_costs_few_statements(self, home: House, example: int, keeping: FlaskClient) -> None:
        with counted(home) as statements:
            keeping.get(f"/toys/edit/{example}")
        assert len(statements) <= 10, "\n".join(statements)


def _added(session: Session, record: Record) -> Record:
    session.add(record)
    session.flush()
    return record
