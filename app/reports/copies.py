"""A controlled copy of a document on paper: its content, with what the copy is on every page (DOC-3).

Markdown and Word are set by xhtml2pdf, which may fetch nothing but our own font; a PDF is taken as it is, a little
smaller. Then every page is stamped: which document and version, which numbered copy, for whom, who printed it and when,
the digest of the content, and page x of y (Annex 11 clause 8).
"""

from collections.abc import Callable
from datetime import datetime
from html import escape
from io import BytesIO
from zoneinfo import ZoneInfo

from pypdf import PageObject, PdfReader, PdfWriter, Transformation
from reportlab.pdfgen.canvas import Canvas
from xhtml2pdf import pisa
from xhtml2pdf.files import ResourceAccessPolicy

from app.domain.errors import BadInput
from app.domain.text import Phrase
from app.models.documents import ControlledCopy, Version
from app.reports.as_pdf import FONT_FILE, font_of
from app.safeguards.context import current
from app.services import contents

SHRUNK = 0.9
MARGIN = 36.0
SIZE = 8
STYLE = f"""
@font-face {{ font-family: Text; src: url("{FONT_FILE.name}"); }}
@page {{ size: a4 portrait; margin: 2.6cm 2cm 2.4cm 2cm; }}
body {{ font-family: Text; font-size: 10pt; line-height: 1.4; }}
h1 {{ font-size: 16pt; }} h2 {{ font-size: 13pt; }} h3 {{ font-size: 11pt; }}
td, th {{ border: 0.5pt solid #888888; padding: 3pt; text-align: left; }}
"""

Translate = Callable[[str], str]


def controlled_copy(copy: ControlledCopy, version: Version, data: bytes, translate: Translate) -> bytes:
    """Return the PDF of one numbered copy of ``version``, whose content is ``data``.

    Raises BadInput when the content cannot be set on paper.
    """
    assert version.file is not None  # a released version has content
    html = contents.to_html(data, version.file.content_type)
    writer = PdfWriter(clone_from=BytesIO(data if html is None else _set(html, str(version.item))))
    total = len(writer.pages)
    for number, page in enumerate(writer.pages, 1):
        if html is None:
            _shrink(page)
        page.merge_page(_stamp(page, _lines(copy, version, number, total, translate)))
    result = BytesIO()
    writer.write(result)
    return result.getvalue()


def _set(html: str, title: str) -> bytes:
    result = BytesIO()
    policy = ResourceAccessPolicy(allow_remote=False, base_dir=str(FONT_FILE.parent))
    page = f"<html><head><title>{escape(title)}</title><style>{STYLE}</style></head><body>{html}</body></html>"
    status = pisa.CreatePDF(page, dest=result, path=str(FONT_FILE.parent / "copy.html"), resource_policy=policy)
    if status.err:
        raise BadInput("The content of this version cannot be set on paper. Upload it as a PDF and print that.")
    return result.getvalue()


def _shrink(page: PageObject) -> None:
    """Make room for the stamp on a page that came as a PDF."""
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    page.add_transformation(
        Transformation().scale(SHRUNK).translate(width * (1 - SHRUNK) / 2, height * (1 - SHRUNK) / 2)
    )


def _lines(
    copy: ControlledCopy, version: Version, number: int, total: int, translate: Translate
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the texts left and right at the head and at the foot of a page."""
    context = current()
    now: datetime = context.now().astimezone(ZoneInfo(context.zone))
    assert version.file is not None
    issued = Phrase("Controlled copy no. %(number)s for %(who)s", number=copy.number, who=copy.issued_to)
    printed = Phrase(
        "Printed by %(name)s on %(when)s; content %(digest)s",
        name=context.printed_name,
        when=f"{now:%Y-%m-%d %H:%M} {context.zone}",
        digest=version.file.sha256[:16],
    )
    of = Phrase("page %(number)s of %(total)s", number=number, total=total)
    head = f"{version.item.code} · {version.label} · {version.item.title}"
    return (head, issued.render(translate)), (printed.render(translate), of.render(translate))


def _stamp(page: PageObject, lines: tuple[tuple[str, str], tuple[str, str]]) -> PageObject:
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    result = BytesIO()
    canvas = Canvas(result, pagesize=(width, height))
    for (left, right), y in zip(lines, (height - MARGIN + SIZE, MARGIN - 2 * SIZE), strict=True):
        canvas.setFont(font_of(left), SIZE)
        canvas.drawString(MARGIN, y, left[: int(width / SIZE * 1.1)])
        canvas.setFont(font_of(right), SIZE)
        canvas.drawRightString(width - MARGIN, y, right)
    canvas.save()
    return PdfReader(BytesIO(result.getvalue())).pages[0]
