"""What was understood of a matrix, and what is asked about it, is said in the language of the reader."""

import html
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask.testing import FlaskClient
from flask_babel import refresh

from app.domain.importing import make_grid, recognize
from app.domain.text import Phrase
from app.services.readings import read_reading, write_reading
from app.services.shelf import Shelf
from app.services.vocabularies import load_vocabulary
from tests.conftest import House
from tests.importing.books import workbook
from tests.importing.test_matrix_pages import upload
from translations import update

HEADER = ["Job title", "SOP-901 Gowning", "SOP-902 Cleaning", "SOP-903 Records"]
ROWS = [["Sterile operator", "X", "QZ", ""], ["Quality lead", "", "X", "X"], ["Store keeper", "X", "", "X"]]
BOOK = {
    "Matrix": [HEADER, *ROWS],
    "People": [["Employee no", "Employee name", "SOP-901"], ["Z-1", "Vera Novak", "X"], ["Z-2", "Olaf Brandt", "X"]],
    "Plan": [["Line", "January", "February", "March", "April"], ["One", "x", "", "x", ""], ["Two", "", "x", "", "x"]],
}


@pytest.fixture
def cora(house: House, tmp_path: Path) -> Iterator[FlaskClient]:
    """Somebody who reads in a language in which every sentence stands in brackets, so that none can be missing."""
    catalog = Catalog(locale="es")
    for message in update.extracted():
        if message.id and isinstance(message.id, str):
            catalog.add(message.id, f"[{message.id}]")
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    babel = house.app.extensions["babel"]
    before, babel.translation_directories = babel.translation_directories, [str(tmp_path)]
    babel.instance.domain_instance.cache.clear()
    yield house.client("cora")
    babel.translation_directories = before
    babel.instance.domain_instance.cache.clear()


def read_in(client: FlaskClient, language: str) -> None:
    refresh()
    with client.session_transaction() as session:
        session["locale"] = language


def reasons(client: FlaskClient, number: int, sheet: str) -> list[str]:
    """The sentences that say why a sheet was understood as it is."""
    page = client.get(f"/import/matrix/{number}/?sheet={sheet}").get_data(as_text=True)
    told = re.search(r'<ul class="small mt-2 mb-0">(.*?)</ul>', page, re.S)
    assert told
    return [html.unescape(one) for one in re.findall(r"<li>(.*?)</li>", told[1])]


@pytest.mark.parametrize("sheet", BOOK)
def test_the_review_gives_its_reasons_in_the_language_of_the_reader(cora: FlaskClient, sheet: str) -> None:
    number = upload(cora, workbook(BOOK))
    read_in(cora, "en")
    english = reasons(cora, number, sheet)
    read_in(cora, "es")
    spanish = reasons(cora, number, sheet)
    assert len(spanish) == len(english) > 0
    assert not any("[" in one for one in english)
    assert all(re.fullmatch(r"\[.*\]", one) for one in spanish), spanish
    assert all(one.replace("[", "").replace("]", "") in english for one in spanish)


def test_questions_are_asked_in_the_language_of_the_reader_on_the_page_and_in_the_excel_copy(cora: FlaskClient) -> None:
    number = upload(cora, workbook(BOOK))
    read_in(cora, "es")
    page = html.unescape(cora.get(f"/import/matrix/{number}/check").get_data(as_text=True))
    question = "[“QZ” stands in one cell: [no legend and no vocabulary explains it].]"
    assert question in page
    copy = cora.get(f"/import/matrix/{number}/findings.xlsx").data
    comments = [
        cell.comment.text
        for sheet in openpyxl.load_workbook(BytesIO(copy))
        for row in sheet.iter_rows()
        for cell in row
        if cell.comment
    ]
    answers = "[trained], [not required], [not applicable]"
    assert any(one.startswith(question) and answers in one for one in comments), comments
    assert all(line.startswith("[") for comment in comments for line in comment.splitlines())


def test_a_kept_reading_can_still_be_told_in_every_language(tmp_path: Path) -> None:
    before = recognize([make_grid(name, [row[:] for row in rows]) for name, rows in BOOK.items()], load_vocabulary())
    shelf = Shelf(tmp_path, b"key", 10_000_000)
    shelf.put("reading", lambda target: write_reading(target, before, lambda done, total: None))
    kept = shelf.get("reading")
    assert kept is not None
    for one, other in zip(before.sheets, read_reading(kept).sheets, strict=True):
        assert other.reasons == one.reasons
        told = [*other.reasons, *(question.problem for question in other.questions)]
        assert told
        assert all(isinstance(phrase, Phrase) for phrase in told)
        assert [meaning.why for meaning in other.legend.values()] == [meaning.why for meaning in one.legend.values()]
