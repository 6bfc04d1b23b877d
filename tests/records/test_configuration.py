"""Fields, lists and settings by form (UX-6)."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.models.base import Record
from app.models.configuration import Choice, ChoiceList, CustomField
from app.models.documents import Category, DocumentType
from app.safeguards.context import acting
from app.services.configuration import SETTINGS
from app.views.configuration import CategoryView, ChoiceListView, ChoiceView, CustomFieldView, DocumentTypeView
from tests.cast import context_of
from tests.conftest import House
from tests.records.suite import RecordSuite

pytestmark = pytest.mark.req("UX-6")


class ConfigurationSuite(RecordSuite):
    """Quality assurance keeps the configuration; a supervisor does not even see it."""

    keeper = "quinn"
    outsider = "sue"

    def added(self, session: Session, record: Record) -> Record:
        session.add(record)
        session.flush()
        return record


class TestChoiceLists(ConfigurationSuite):
    view = ChoiceListView
    new = {"code": "reasons", "name": "Reasons"}
    change = {"code": "l1", "name": "Renamed list"}
    changed_text = "Renamed list"
    spoiled = {"code": "", "name": "Kept name"}
    kept = "Kept name"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        return self.added(session, ChoiceList(code=f"l{number}", name=f"List {number}"))


class TestChoices(ConfigurationSuite):
    view = ChoiceView
    change = {"label": "Other words", "position": "2", "active": "y"}
    changed_text = "Other words"
    spoiled = {"code": "", "label": "Kept label"}
    kept = "Kept label"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        lists = session.query(ChoiceList).filter_by(code="all").one_or_none()
        if lists is None:
            lists = ChoiceList(code="all", name="All")
            self.added(session, lists)
        return self.added(session, Choice(list_id=lists.id, code=f"c{number}", label=f"Choice {number}"))

    def new_from(self, session: Session) -> dict[str, Any]:
        with acting(context_of()):
            lists = ChoiceList(code="fresh", name="Fresh")
            self.added(session, lists)
            session.commit()
            return {"list_id": lists.id, "code": "one", "label": "One", "position": "1", "active": "y"}


class TestAddedFields(ConfigurationSuite):
    view = CustomFieldView
    new = {"record_type": "people", "code": "badge", "label": "Badge", "kind": "text", "position": "1", "active": "y"}
    change = {"label": "Other label", "position": "3", "active": "y"}
    changed_text = "Other label"
    spoiled = {"kind": "choice", "label": "A choice without a list"}
    kept = "A choice without a list"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        return self.added(session, CustomField(record_type="people", code=f"f{number}", label=f"Field {number}"))


class TestCategories(ConfigurationSuite):
    view = CategoryView
    new = {"code": "LAB", "name": "Laboratory", "lead_days": "45"}
    change = {"code": "C1", "name": "Category one", "lead_days": "10"}
    changed_text = "Category one"
    spoiled = {"lead_days": "soon", "name": "Kept category"}
    kept = "Kept category"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        return self.added(session, Category(code=f"C{number}", name=f"Category {number}"))


class TestDocumentTypes(ConfigurationSuite):
    view = DocumentTypeView
    new = {"code": "MAN", "name": "Manual", "numbering": "{type}-{number:03d}", "trained_percent": "100"}
    change = {"code": "T1", "name": "Type one", "numbering": "{type}-{number:03d}", "trained_percent": "90"}
    changed_text = "Type one"
    spoiled = {"code": "", "name": "Kept type"}
    kept = "Kept type"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        return self.added(session, DocumentType(code=f"T{number}", name=f"Type {number}"))


def test_settings_change_with_a_reason_and_by_those_who_may(house: House) -> None:
    quinn = house.client("quinn")
    refused = quinn.post("/settings/", data={"company_name": "Juniper Vale", "sign_in_notice": "Staff only"})
    assert refused.status_code == 422
    assert "Juniper Vale" in refused.text
    saved = quinn.post(
        "/settings/", data={"company_name": "Juniper Vale", "sign_in_notice": "Staff only", "reason": "Go"}
    )
    assert saved.status_code == 302
    assert "Staff only" in house.client().get("/login/").text
    assert "Juniper Vale" in quinn.get("/settings/").text
    assert house.client("cora").post("/settings/", data={"company_name": "X", "reason": "Y"}).status_code == 403
    assert house.client("tom").get("/settings/").status_code == 403


def test_every_setting_says_what_it_is() -> None:
    for key, known in SETTINGS.items():
        assert str(known.label), key
        assert str(known.help).endswith("."), key
