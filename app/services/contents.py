"""What is inside a document: its text, for search and comparison, and safe HTML to read in the page (DOC-2, DOC-5).

PDF through pypdf (text; the page shows the file itself), DOCX through mammoth (needs nothing but Python; headings,
lists, tables and pictures are kept, page layout is not), Markdown through markdown-it-py. All HTML passes nh3.
"""

import logging
from collections.abc import Iterator
from io import BytesIO

import mammoth
import nh3
from markdown_it import MarkdownIt
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from app.domain.errors import BadInput
from app.services.files import DOCX, MARKDOWN, PDF, PLAIN

MAX_PAGES = 3000
MAX_TEXT = 5_000_000
"""Characters of extracted text that are kept; more is not a document that somebody reads."""

TAGS = {
    "a", "abbr", "blockquote", "br", "code", "col", "colgroup", "dd", "del", "div", "dl", "dt", "em", "figcaption",
    "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "ins", "li", "ol", "p", "pre", "s", "span", "strong",
    "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
}

logging.getLogger("pypdf").setLevel(logging.ERROR)


def extract_text(data: bytes, content_type: str) -> str:
    """Return the plain text of a document, for search and comparison; what has no text gives "".

    Raises BadInput for a damaged or encrypted file and for a type that is not shown in a page.
    """
    if content_type == PDF:
        text = "\n".join(_pdf_pages(data))
    elif content_type == DOCX:
        text = _docx(data, as_text=True)
    elif content_type in {MARKDOWN, PLAIN}:
        text = data.decode("utf-8-sig")
    else:
        raise BadInput(
            "A controlled document is a PDF, a Word document (.docx) or Markdown. This file is something else.",
            field="file",
        )
    # PostgreSQL keeps no NUL, and the two databases must agree
    return text.replace("\x00", "")[:MAX_TEXT]


def to_html(data: bytes, content_type: str) -> str | None:
    """Return safe HTML of a document, or None for a PDF, which the browser shows itself."""
    if content_type == DOCX:
        return clean(_docx(data, as_text=False))
    if content_type == MARKDOWN:
        return markdown(data.decode("utf-8-sig"))
    if content_type == PLAIN:
        return f"<pre>{nh3.clean_text(data.decode('utf-8-sig'))}</pre>"
    return None


def markdown(text: str) -> str:
    """Return safe HTML of Markdown (CommonMark with tables and strikethrough; raw HTML in it is shown, not obeyed)."""
    return clean(MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text))


def clean(html: str) -> str:
    """Return ``html`` with harmless tags and attributes only: no script, no style, links to web and mail alone."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "data"},
        attribute_filter=_own_pictures_only,
        link_rel="noopener noreferrer",
    )


def _own_pictures_only(tag: str, name: str, value: str) -> str | None:
    """Keep pictures that came with the document and links elsewhere; nothing is fetched by opening a document."""
    is_picture = value.startswith(("data:image/png;", "data:image/jpeg;", "data:image/gif;"))
    if (tag, name) == ("img", "src"):
        return value if is_picture else None
    if name == "href" and value.strip().lower().startswith("data:"):
        return None
    return value


def _pdf_pages(data: bytes) -> Iterator[str]:
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadInput("The PDF is protected by a password. Save it without one and upload it again.", field="file")
        for number, page in enumerate(reader.pages):
            if number >= MAX_PAGES:
                break
            yield page.extract_text()
    except (PyPdfError, ValueError, KeyError, IndexError, AttributeError, TypeError, RecursionError) as error:
        raise BadInput("The PDF is damaged and cannot be read. Save it again and upload it.", field="file") from error


def _docx(data: bytes, as_text: bool) -> str:
    try:
        if as_text:
            return str(mammoth.extract_raw_text(BytesIO(data)).value)
        return str(mammoth.convert_to_html(BytesIO(data)).value)
    except Exception as error:  # mammoth raises whatever the XML provokes
        raise BadInput("The Word document is damaged and cannot be read. Save it again and upload it.",
                       field="file") from error  # fmt: skip
