"""Letters of certification (21 CFR 11.100(c))."""

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.access import LetterOfCertification
from app.models.base import Record
from app.models.organization import Unit
from app.views.letters import LetterView
from tests.records.suite import RecordSuite


@pytest.mark.req("SIG-3", "11.100(c)")
class TestLetters(RecordSuite):
    view = LetterView
    keeper = "quinn"
    outsider = "sue"
    new = {"site_id": "1", "sent_on": "2026-01-15"}
    change = {"site_id": "1", "sent_on": "2026-02-16"}
    changed_text = "2026-02-16"
    spoiled = {"sent_on": "some day in spring"}
    kept = "some day in spring"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        site = session.scalars(select(Unit).where(Unit.kind == "site")).one()
        letter = LetterOfCertification(site_id=site.id, sent_on=date(2026, 1, min(number, 28)))
        session.add(letter)
        session.flush()
        return letter
