"""Sends a list as Excel, CSV or PDF: every row as filtered, with what was asked, when, by whom (RPT-4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from flask import Response, current_app
from flask_babel import gettext
from sqlalchemy import Select

from app.domain.errors import BadInput
from app.extensions import db
from app.reports import tables, writing
from app.safeguards import audit
from app.safeguards.context import current
from app.services import configuration
from app.views.columns import Column
from app.views.listing import Chip
from app.views.transaction import transaction

AT_ONCE = 500


def answer(
    view: Any, form: str, query: Select[Any], shown: Sequence[Column], chips: Sequence[Chip], text: str
) -> Response:
    """Return the list as a download in ``form`` (xlsx, csv, pdf); the export is noted on the trail (AUD-1)."""
    if form not in writing.CONTENT_TYPES:
        raise BadInput("Lists are exported as xlsx, csv or pdf.")
    fields = view.custom(with_choices=True)
    titles = [*(str(one.label) for one in shown), *(one.label for one in fields)]
    rows = list(_rows(view, query, shown, fields))
    report = report_of(str(view.title), titles, rows, chips, text)
    file = writing.write(report, form, translate=gettext)
    with transaction() as session:
        filters = [f"{label}: {value}" for label, value in report.filters]
        audit.note(session, "export", list=view.resource, title=report.title, form=form, filters=filters,
                   rows=len(rows), digest=file.digest)  # fmt: skip
    return download(file)


def report_of(
    title: str, titles: Sequence[str], rows: Sequence[Sequence[Any]], chips: Sequence[Chip] = (), text: str = ""
) -> tables.Report:
    """Return rows as a report by the current person, now."""
    filters = [(str(chip.label), chip.text) for chip in chips]
    if text:
        filters.append((gettext("Search"), text))
    report = tables.Report(
        title=title,
        sections=(tables.Section(title, tuple(tables.Column(one) for one in titles), rows),),
        filters=tuple(filters),
        file_name=title,
    )
    return produced(report)


def produced(report: tables.Report) -> tables.Report:
    """Return a report with who produced it, when, in which zone, for which company."""
    context = current()
    return replace(
        report,
        produced_at=context.now(),
        produced_by=f"{context.printed_name} ({context.username})",
        zone=context.zone,
        company=company(),
    )


def company() -> str:
    """Return the name of the company as its settings have it, else as the configuration file has it."""
    return configuration.setting(db.session(), "company_name", "") or current_app.config["COMPANY_NAME"]


def download(file: tables.File) -> Response:
    """Return a made file as a download."""
    response = Response(file.data, mimetype=file.content_type)
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    return response


def _rows(view: Any, query: Select[Any], shown: Sequence[Column], fields: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    session = db.session()
    found = iter(session.scalars(query.execution_options(yield_per=AT_ONCE)))
    while batch := list(islice(found, AT_ONCE)):
        view.prepare(batch)
        kept = configuration.values_of(session, fields, [record.id for record in batch])
        for record in batch:
            mine = kept.get(record.id, {})
            added = (configuration.typed(field, mine.get(field.id)) for field in fields)
            yield (*(one.shown(record) for one in shown), *added)
            session.expunge(record)
