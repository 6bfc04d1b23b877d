"""The heat map: who is qualified on what, on any day, and why (MTX-3, MTX-4, MTX-10)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from app.domain.errors import BadInput, NotFound
from app.extensions import db
from app.models.documents import Item
from app.models.matrix import COMPLETION_METHODS, Completion
from app.models.organization import Unit
from app.models.people import Person
from app.reports.matrix import heatmap_report
from app.reports.words import framed
from app.reports.writing import write
from app.safeguards import audit
from app.safeguards.context import current
from app.services import compliance
from app.services.heatmap import NOTHING, PROBLEMS, SOON, STATUS_OF, Picture, picture
from app.views import exports
from app.views.arguments import whole_number
from app.views.guard import permitted
from app.views.look import safe_url, say
from app.views.transaction import transaction

ORDER = 40
UNIT_FILTERS = {"function": "job_function", "department": "department", "site": "site"}
SHOW = {"problems": PROBLEMS, "soon": SOON}
PEOPLE_PER_PAGE, ITEMS_PER_PAGE = 50, 20


class Asked(NamedTuple):
    """What the query string asks to be shown, checked."""

    at: datetime
    known_at: datetime | None
    unit_ids: list[int]
    client_id: int | None
    letters: frozenset[str] | None

    def draw(self) -> Picture:
        """Return the picture asked for."""
        return picture(
            db.session(),
            at=self.at,
            known_at=self.known_at,
            unit_ids=self.unit_ids,
            client_id=self.client_id,
            letters=self.letters,
        )


def asked() -> Asked:
    """Read the query string. Raises BadInput for a date or a number that is none."""
    return Asked(
        instant("as_of") or current().now(),
        instant("known_at"),
        [number for name in UNIT_FILTERS if (number := _number(name)) is not None],
        _number("client"),
        SHOW.get(request.args.get("show", "")),
    )


def known_arguments() -> dict[str, Any]:
    """Return those arguments of this request that the pages of the heat map know, to be handed on in addresses."""
    names = ("as_of", "known_at", *UNIT_FILTERS, "client", "show")
    return {name: request.args[name] for name in names if request.args.get(name)}


def instant(name: str) -> datetime | None:
    """Return the instant of the query argument: local time of the reader, or ISO with an offset; None when empty."""
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        local = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(current().zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            "“%(text)s” is not a day or a day with a time. Enter it as 2026-03-31 or 2026-03-31T14:30.", text=text[:40]
        ) from None


def _number(name: str) -> int | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    number = whole_number(text)
    if number is None:
        raise BadInput("The filter “%(name)s” has a value that is not in its list. Choose it again.", name=name)
    return number


class HeatmapView(BaseView):
    """The picture, its cells, the explanation of one of them, the same as a table and as a workbook."""

    route_base = "/matrix/map"
    resource = "compliance"
    default_view = "show"

    @expose("/")
    @permitted("read")
    def show(self) -> ResponseReturnValue:
        """Show the page; its cells are fetched by the script."""
        asked()  # a bad filter is told here, on the page, and not in the script's request
        arguments = known_arguments()
        chosen = {name: arguments.get(name, "") for name in (*UNIT_FILTERS, "client", "show")}
        return self.render_template(
            "matrix/heatmap.html",
            title=gettext("Heat map"),
            cells_url=url_for(".cells", **arguments),
            explain_url=url_for(".explain", **_clock_only(arguments)),
            table_url=url_for(".table", **arguments),
            export_url=url_for(".export", form="xlsx", **arguments) if current().may("compliance", "export") else None,
            grid_export_url=safe_url("MatrixExportView.index") if current().may("imports", "add") else None,
            as_of=arguments.get("as_of", ""),
            known_at=arguments.get("known_at", ""),
            functions=_units("job_function"),
            departments=_units("department"),
            sites=_units("site"),
            clients=_units("client"),
            chosen=chosen,
        )

    @expose("/cells.json")
    @permitted("read")
    def cells(self) -> ResponseReturnValue:
        """Answer the cells as compact JSON: people, items, and one text of letters per person."""
        drawn = asked().draw()
        return jsonify(
            as_of=drawn.at.isoformat(),
            people=[[*person, ""] for person in drawn.people],
            items=drawn.items,
            rows=drawn.rows,
            total_people=len(drawn.people),
            total_items=len(drawn.items),
        )

    @expose("/table/")
    @permitted("read")
    def table(self) -> ResponseReturnValue:
        """Show the same as a plain table, page by page, for those who cannot use the picture."""
        drawn = asked().draw()
        page, people = _page(drawn.people, "page", PEOPLE_PER_PAGE)
        item_page, items = _page(drawn.items, "item_page", ITEMS_PER_PAGE)
        first = item_page * ITEMS_PER_PAGE
        return self.render_template(
            "matrix/table.html",
            title=gettext("Heat map as a table"),
            items=[{"id": one, "code": code, "title": name} for one, code, name in items],
            people=[
                {"id": one, "name": name, "employee_no": number, "cells": [_status(letter) for letter in row]}
                for (one, name, number), row in zip(
                    people,
                    (row[first : first + ITEMS_PER_PAGE] for row in drawn.rows[page * PEOPLE_PER_PAGE :]),
                    strict=False,
                )
            ],
            explain_url=url_for(".explain", **_clock_only(known_arguments())),
            page=page,
            pages=-(-len(drawn.people) // PEOPLE_PER_PAGE),
            item_page=item_page,
            item_pages=-(-len(drawn.items) // ITEMS_PER_PAGE),
            map_url=url_for(".show", **known_arguments()),
        )

    @expose("/export/<string:form>")
    @permitted("export")
    def export(self, form: str) -> Response:
        """Send the picture as seen, as a workbook or as text."""
        chips = [(name, value) for name, value in known_arguments().items() if name not in {"as_of", "known_at"}]
        report = framed(db.session(), heatmap_report(asked().draw(), chips), current_app.config["COMPANY_NAME"])
        file = write(report, form, translate=gettext)
        with transaction() as session:
            audit.note(session, "export", list="heat map", form=form, digest=file.digest)
        return exports.download(file)

    @expose("/explain/")
    @permitted("read")
    def explain(self) -> ResponseReturnValue:
        """Explain one cell: the chain of reasons, the training on record, and what can be done."""
        person, item = _record(Person, "person"), _record(Item, "item")
        wanted = asked()
        found = compliance.evaluate(
            db.session(),
            at=wanted.at,
            known_at=wanted.known_at,
            people=[person.id],
            items=[item.id],
            include_not_required=True,
        )
        row = found[0] if found else None
        return self.render_template(
            "matrix/explain.html",
            title=f"{person.name} · {item.code}",
            person_name=person.name,
            employee_no=person.employee_no,
            person_url=safe_url("PersonView.show", pk=person.id),
            item_code=item.code,
            item_title=item.title,
            item_url=safe_url("ItemView.show", pk=item.id),
            as_of=wanted.at,
            actions=_actions(person, item, row),
            completions=_completions(person, item, row),
            **_told(row),
        )


def _told(row: compliance.Row | None) -> dict[str, Any]:
    """Return what the explanation page says of a decision; of none: that nothing asks for the item."""
    if row is None:
        sentence = gettext("Nothing asks this person for this item at this time, and there is no training on record.")
        return {"status": "not_required", "chain": [{"kind": "reason", "text": sentence}]}
    told = row.explanation
    chain = [("reason", told.why), ("date", told.when), ("clears", told.clear)]
    return {
        "status": row.status,
        "due_on": row.due_on,
        "completed_on": row.completed_on,
        "completed_version": row.completed_version,
        "required_version": row.required_version,
        "good_until": row.good_through,
        "chain": [{"kind": kind, "text": say(sentence)} for kind, sentences in chain for sentence in sentences],
    }


def _completions(person: Person, item: Item, row: compliance.Row | None) -> list[dict[str, Any]]:
    query = (
        select(Completion)
        .where(Completion.person_id == person.id, Completion.item_id == item.id)
        .order_by(Completion.completed_at.desc(), Completion.id.desc())
        .limit(20)
    )
    zone = ZoneInfo(current().zone)
    counting = row.completion_id if row and row.decision.cover else None
    return [
        {
            "version": one.version.label,
            "completed_on": one.completed_at.astimezone(zone).date(),
            "method": str(COMPLETION_METHODS.get(one.method, one.method)),
            "counts": one.id == counting,
            "note": one.void_reason or (gettext("not passed") if one.result != "passed" else ""),
        }
        for one in db.session.scalars(query)
    ]


def _actions(person: Person, item: Item, row: compliance.Row | None) -> list[dict[str, Any]]:
    """Return what this reader can do about the cell."""
    wanted = [
        ("OrderView.add", ("orders", "add"), gettext("Order training"), "flag"),
        ("ExtensionView.add", ("extensions", "add"), gettext("Extend the due date"), "calendar-plus"),
        ("ExemptionView.add", ("exemptions", "add"), gettext("Exempt"), "shield-off"),
    ]
    if row is None or not row.decision.required:
        wanted = wanted[:1]
    links = [
        (safe_url(endpoint, person_id=person.id, item_id=item.id), label, icon)
        for endpoint, permission, label, icon in wanted
        if current().may(*permission)
    ]
    return [{"url": url, "label": label, "icon": icon} for url, label, icon in links if url]


def _record(model: type[Any], name: str) -> Any:
    number = _number(name)
    found = db.session.scalar(select(model).where(model.id == number)) if number else None
    if found is None:
        raise NotFound("There is no such record, or it is not within your client scope.")
    return found


def _units(kind: str) -> list[tuple[int, str]]:
    query = select(Unit).where(Unit.kind == kind, Unit.active).order_by(Unit.name)
    return [(unit.id, unit.name) for unit in db.session.scalars(query)]


def _status(letter: str) -> str | None:
    return None if letter == NOTHING else STATUS_OF[letter]


def _clock_only(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name in {"as_of", "known_at"} and value}


def _page(rows: Sequence[Any], name: str, size: int) -> tuple[int, Sequence[Any]]:
    """Return the number of the page asked for, held within what there is, and its rows."""
    last = max(0, -(-len(rows) // size) - 1)
    page = min(_number(name) or 0, last)
    return page, rows[page * size : (page + 1) * size]


def register(appbuilder: AppBuilder) -> None:
    """Put the heat map into the menu."""
    appbuilder.add_view(
        HeatmapView,
        "Heat map",
        label=_l("Heat map"),
        icon="grid-4x4",
        category="Training",
        category_label=_l("Training"),
    )
