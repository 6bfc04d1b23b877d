"""Files are kept once, by what is in them, and never change (DOC-2, SEC-3)."""

import io
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from app.domain.errors import BadInput, NotFound, RuleBroken
from app.models.organization import Unit
from app.safeguards.context import Context
from app.services import attachments, contents, files
from tests.conftest import House

pytestmark = pytest.mark.req("DOC-2", "SEC-3")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    files.configure(tmp_path / "files")
    return tmp_path / "files"


def docx(paragraph: str) -> bytes:
    """Return a Word document with one paragraph."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName='
            '"/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document'
            '.main+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
            'Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/document.xml",
            '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
            f"<w:t>{paragraph}</w:t></w:r></w:p></w:body></w:document>",
        )
    return body.getvalue()


def test_the_same_bytes_are_kept_once_under_their_digest(house: House, context: Context, folder: Path) -> None:
    first = files.store(house.session, b"# Title\n", "a.md")
    again = files.store(house.session, b"# Title\n", "b.md")
    assert again.id == first.id
    assert files.read(first) == b"# Title\n"
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [first.sha256]


def test_the_content_decides_the_type_and_not_the_name(house: House, context: Context) -> None:
    assert files.store(house.session, b"%PDF-1.7 ...", "innocent.md").content_type == files.PDF
    assert files.store(house.session, docx("Rinse"), "x.pdf").content_type == files.DOCX
    assert files.store(house.session, b"\x00\x01\x02", "x.md").content_type == files.OTHER
    assert files.store(house.session, b"<script>alert(1)</script>", "x.html", "text/html").content_type == files.PLAIN


def test_a_name_is_never_a_path(house: House, context: Context) -> None:
    assert files.clean_name("../../etc/passwd") == "passwd"
    assert files.clean_name("C:\\temp\\Plan\r\nX: y.md") == "PlanX: y.md"


def test_the_same_bytes_keep_the_name_that_each_record_gave_them(house: House, context: Context) -> None:
    unit = house.session.scalars(select(Unit)).first()
    assert unit is not None
    for name in ("audit of client A.txt", "minutes.txt"):
        attachments.attach(house.session, unit, files.store(house.session, b"same", name), name, None)
    told = [one.file_name for one in attachments.attachments_of(house.session, unit)]
    assert told == ["minutes.txt", "audit of client A.txt"]


def test_a_text_is_markdown_for_one_record_and_plain_for_another(house: House, context: Context) -> None:
    plain, markdown = (files.store(house.session, b"# Same", name) for name in ("a.txt", "a.md"))
    assert (plain.content_type, markdown.content_type) == (files.PLAIN, files.MARKDOWN)
    assert plain.sha256 == markdown.sha256


def test_bytes_altered_on_disk_are_found_and_lost_ones_named(house: House, context: Context, folder: Path) -> None:
    record = files.store(house.session, b"true content", "a.txt")
    path = next(path for path in folder.rglob("*") if path.is_file())
    path.chmod(0o600)
    path.write_bytes(b"false content")
    with pytest.raises(RuleBroken, match="altered"):
        files.read(record)
    path.unlink()
    with pytest.raises(NotFound, match=record.sha256):
        files.read(record)


def test_empty_files_bombs_and_damaged_archives_are_refused(house: House, context: Context) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 30_000_000)
    for data in (b"", bomb.getvalue(), b"PK\x03\x04 not really"):
        with pytest.raises(BadInput):
            files.store(house.session, data, "x.docx")


def test_text_comes_out_of_word_and_markdown() -> None:
    assert "Rinse three times" in contents.extract_text(docx("Rinse three times"), files.DOCX)
    assert "<p>Rinse three times</p>" in (contents.to_html(docx("Rinse three times"), files.DOCX) or "")
    assert contents.extract_text(b"# A\n", files.MARKDOWN) == "# A\n"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](https://tracker.example/pixel.png)",
        '<img src=x onerror="alert(1)">',
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<iframe src='//evil.example'></iframe>",
    ],
)
def test_a_document_cannot_run_or_fetch_anything(hostile: str) -> None:
    html = contents.markdown(hostile)
    for bad in ("<script", 'href="javascript:', 'src="http', "<iframe", "<img src=x", 'href="data:'):
        assert bad not in html.lower()


def test_a_damaged_pdf_gets_one_clear_sentence() -> None:
    with pytest.raises(BadInput, match="PDF is damaged"):
        contents.extract_text(b"%PDF-1.7\ngarbage", files.PDF)
