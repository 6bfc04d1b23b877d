"""Files and remarks on any record: added by those who may, taken off with a reason, never lost (SEC-3, AUD-1)."""

import io
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.models.files import Attachment, Comment
from app.safeguards.context import acting
from tests.cast import context_of
from tests.conftest import House

pytestmark = pytest.mark.req("SEC-3", "AUD-1")


def attach(browser: FlaskClient, data: bytes = b"evidence", name: str = "evidence.txt") -> str:
    """Attach a file to the first person and return its address on the page."""
    browser.post("/people/files/1", data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
    found = re.findall(r"/people/files/1/\d+", browser.get("/people/show/1").text)
    assert found, "the page shows no file"
    return str(found[0])


def test_a_file_is_taken_off_with_a_reason_and_kept(house: House) -> None:
    browser = house.client("cora")
    address = attach(browser)
    browser.post(f"{address}/off", data={"reason": "  "})
    assert browser.get(address).status_code == 200, "without a reason it stays"
    browser.post(f"{address}/off", data={"reason": "Belongs to somebody else"})
    assert browser.get(address).status_code == 404
    assert address not in browser.get("/people/show/1").text
    with acting(context_of()):
        attachment = house.session.scalars(select(Attachment)).one()
        assert attachment.withdrawn_reason == "Belongs to somebody else"
        assert attachment.file_name == "evidence.txt"


def test_a_file_is_reached_through_its_own_record_alone(house: House) -> None:
    address = attach(house.client("cora"))
    assert house.client("cora").get(address.replace("/files/1/", "/files/2/")).status_code == 404
    assert house.client("tom").get(address).status_code == 403


def test_an_empty_or_too_long_remark_is_refused_and_markup_stays_text(house: House) -> None:
    browser = house.client("cora")
    for text in ("", "   ", "x" * 10_001):
        browser.post("/people/comments/1", data={"text": text})
    with acting(context_of()):
        assert house.session.scalars(select(Comment)).all() == []
    browser.post("/people/comments/1", data={"text": "<script>alert(1)</script>"})
    page = browser.get("/people/show/1").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_file_without_content_or_name_is_refused_with_a_sentence(house: House) -> None:
    browser = house.client("cora")
    for sent in ({"file": (io.BytesIO(b""), "empty.txt")}, {}):
        answer = browser.post("/people/files/1", data=sent, content_type="multipart/form-data", follow_redirects=True)
        assert "is empty" in answer.text or "Choose a file first" in answer.text
    with acting(context_of()):
        assert house.session.scalars(select(Attachment)).all() == []
