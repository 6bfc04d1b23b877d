"""The list of a kind of record, its export, and actions on ticked rows."""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose
from flask_babel import gettext
from sqlalchemy import Select

from app.domain.errors import NotFound, RuleBroken
from app.extensions import db
from app.safeguards.context import current
from app.views import exports, listing
from app.views.columns import columns
from app.views.guard import demand, demand_login, permitted
from app.views.record_core import Columns, RecordCore
from app.views.refusals import sentence
from app.views.transaction import transaction
from app.views.viewing import note_view

MOST_AT_ONCE = 1000


class ListPages(RecordCore):
    """Shows, exports and acts on lists. Every request works out its own filters; nothing is shared between two."""

    def asked(self) -> listing.Asked:
        """Return what this request asks of the list."""
        sortable = [one.name for one in self.listed() if one.attribute is not None]
        return listing.asked(request.args, sortable, self.filters(), self.page_size)

    def selected(self, ask: listing.Asked) -> Select[Any]:
        """Return the query of the list as it is filtered now, without order and page."""
        return listing.filtered(self.base_query(), ask, self.filters(), self.searched())

    def sorted_rows(self, ask: listing.Asked, shown: Columns) -> Select[Any]:
        """Return the query of the list, filtered and ordered, with its references."""
        query = listing.loaded(self.selected(ask), self.model, shown)
        return listing.ordered(query, self.model, ask, shown, self.usual_order())

    @expose("/list/")
    @permitted("read")
    def list(self) -> ResponseReturnValue:
        """Show the list as the query string asks for it."""
        ask, shown = self.asked(), self.listed()
        note_view(list=str(self.title), asked=request.query_string.decode(errors="replace")[:500])
        total = listing.count(self.selected(ask))
        pages = max(1, -(-total // ask.size))
        page = min(ask.page, pages - 1)
        query = self.sorted_rows(ask, shown).limit(ask.size).offset(page * ask.size)
        records = db.session.scalars(query).unique().all()
        self.prepare(records)
        return self.render_template(
            self.list_template,
            title=self.title,
            lead=self.lead,
            view=self,
            ask=ask,
            columns=shown,
            rows=[self.row(record, shown) for record in records],
            total=total,
            page=page,
            pages=pages,
            sizes=listing.PAGE_SIZES,
            chips=listing.chips(ask, self.filters()),
            filter_fields=listing.filter_fields(self.filters()),
            add_url=self.add_url() if self.may_add and current().may(self.resource, "add") else None,
            may_export=current().may(self.resource, "export"),
            deeds=self.deeds(),
            extra=self.list_extra(records),
        )

    def prepare(self, records: Sequence[Any]) -> None:
        """Fetch at once, into ``flask.g``, what calculated columns need for these records."""

    def row(self, record: Any, shown: Columns) -> dict[str, Any]:
        """Return one row of the list: the record, its address and its cells."""
        return {
            "id": record.id,
            "record": record,
            "url": self.url_of(record),
            "cells": [(one, one.shown(record)) for one in shown],
        }

    def list_extra(self, records: Sequence[Any]) -> dict[str, Any]:
        """Return what else the list template of a derived view wants to know."""
        return {}

    @expose("/export/<string:form>")
    @permitted("export")
    def export(self, form: str) -> ResponseReturnValue:
        """Send the list as it is filtered and ordered now: every row, with all columns and the company's own fields."""
        ask, shown = self.asked(), self.listed()
        names = {one.name for one in shown}
        more = columns(self.model, self.export_columns or self.show_columns)
        every = [*shown, *(one for one in more if one.name not in names)]
        chips = listing.chips(ask, self.filters())
        return exports.answer(self, form, self.sorted_rows(ask, every), every, chips, ask.text)

    @expose("/do/<string:name>", methods=["POST"])
    def act(self, name: str) -> ResponseReturnValue:
        """Take an action on the ticked rows, or on one record, in one transaction."""
        demand_login()
        wanted = next((one for one in self.every_deed() if one.name == name), None)
        if wanted is None:
            raise NotFound("There is no such action.")
        demand(self.resource, wanted.permission)
        ids = request.form.getlist("rowid", type=int)[:MOST_AT_ONCE]
        back = self.list_url()
        try:
            with transaction(request.form.get("reason")):
                records = [self.record(pk) for pk in ids]
                said = getattr(self, wanted.method)(records) if records else gettext("Tick at least one row first.")
                if len(records) == 1 and request.form.get("back") == "show":
                    back = self.url_of(records[0])
            if said:
                flash(said, "success" if ids else "warning")
        except NotFound:
            raise
        except RuleBroken as refusal:
            flash(sentence(refusal), "danger")
        return redirect(back)

    act.guard = ("deed", None)

    def every_deed(self) -> Any:
        """Return every action that there is, whoever asks."""
        found = (getattr(getattr(type(self), name, None), "deed", None) for name in dir(type(self)))
        return [one for one in found if one is not None]
