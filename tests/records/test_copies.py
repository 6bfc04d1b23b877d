"""Numbered copies on paper say on every page what they are, and nothing is fetched to set them (DOC-3)."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy.orm import Session

from app.models.documents import ControlledCopy, Version
from app.safeguards.context import acting
from app.services import documents, files, versions
from tests.acts import somebody, take
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.records.test_documents import approve, new_sop, write

pytestmark = pytest.mark.req("DOC-3", "ANNEX11-8")
LONG = "# Cleaning\n\n" + "\n\n".join(f"Step {n}: rinse the vessel “{n}” ten times – ≥ 3 minutes." for n in range(80))


@pytest.fixture
def session(house: House) -> Iterator[Session]:
    """The clock of the pages stands at ``NOW``, and the files lie where the pages look for them."""
    house.app.config["CLOCK"] = lambda: NOW
    files.configure(house.app.config["FILE_FOLDER"])
    with acting(context_of()):
        yield house.session
    house.app.config.pop("CLOCK")


def issued(session: Session, version: Version) -> ControlledCopy:
    approve(session, version)
    with acting(somebody(session, "quinn")):
        copy = documents.issue_copy(session, version, "Line 1")
        session.commit()
    return copy


def pages_of(data: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(data)).pages]


def test_every_page_of_a_copy_says_which_copy_of_which_version_it_is(house: House, session: Session) -> None:
    copy = issued(session, write(session, new_sop(session), LONG))
    answer = house.client("quinn").get(f"/copies/{copy.id}.pdf")
    assert answer.status_code == 200, answer.text
    pages = pages_of(answer.data)
    assert len(pages) > 1
    for number, text in enumerate(pages, 1):
        assert "Controlled copy no. 1 for Line 1" in text
        assert "Printed by Quinn Quality" in text
        assert f"page {number} of {len(pages)}" in text
    assert "Step 79" in "".join(pages)


def test_a_copy_of_a_pdf_keeps_its_content_under_the_stamp(house: House, session: Session) -> None:
    drawn = BytesIO()
    canvas = Canvas(drawn)
    canvas.drawString(100, 800, "Drawn elsewhere")
    canvas.save()
    item = new_sop(session)
    with acting(somebody(session, "dora")):
        version = versions.new_version(session, item)
        versions.set_content(session, version, drawn.getvalue(), "sop.pdf")
        versions.edit_draft(session, version, change_summary="First issue")
        take(session, version, "submit", "dora")
        session.commit()
    copy = issued(session, version)
    text = pages_of(house.client("quinn").get(f"/copies/{copy.id}.pdf").data)[0]
    assert "Drawn elsewhere" in text
    assert "page 1 of 1" in text


def test_who_may_not_print_gets_no_copy_and_a_recalled_one_is_not_printed_again(house: House, session: Session) -> None:
    copy = issued(session, write(session, new_sop(session), "Rinse."))
    assert house.client("tom").get(f"/copies/{copy.id}.pdf").status_code == 403
    with acting(somebody(session, "quinn")):
        documents.recall_copy(session, copy.id, "Destroyed")
        session.commit()
    refused = house.client("quinn").get(f"/copies/{copy.id}.pdf")
    assert refused.status_code == 422
    assert "was recalled" in refused.text
