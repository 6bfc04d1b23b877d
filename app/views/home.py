"""My page: what I must do, in order, one tap to do it; and my training record (UX-1)."""

from datetime import date
from typing import Any

from flask import url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, IndexView, expose
from flask_babel import gettext, ngettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models.base import FOREVER
from app.models.matrix import COMPLETION_METHODS, TRIGGERS, Completion
from app.safeguards.context import current
from app.services import documents, home
from app.services.home import Day, Task
from app.views.guard import permitted, signed_in
from app.views.look import safe_url

ORDER = 5

RECORD_SHOWN = 500


class HomeView(IndexView):
    """The first page after signing in."""

    index_template = "home/my_page.html"

    @expose("/")
    @signed_in
    def index(self) -> ResponseReturnValue:
        """Show what waits for the current person."""
        person = documents.person_of(db.session())
        day = home.my_day(db.session(), person) if person is not None else None
        return self.render_template(
            self.index_template,
            title=gettext("My page"),
            printed_name=current().printed_name,
            todo=[_told(one, day.today) for one in day.todo] if day else [],
            coming=[_told(one, day.today) for one in day.coming] if day else [],
            done=[_done(one) for one in day.done] if day else [],
            numbers=_numbers(day) if day else None,
            panels=[],
        )


class MyRecordView(BaseView):
    """One's own training record."""

    route_base = "/my-record"
    default_view = "my_record"
    resource = "own"

    @expose("/")
    @permitted("read")
    def my_record(self) -> ResponseReturnValue:
        """Show every training of the current person, the newest first."""
        person = documents.myself(db.session())
        query = (
            select(Completion)
            .where(Completion.person_id == person.id, Completion.voided_at == FOREVER)
            .options(joinedload(Completion.item), joinedload(Completion.version))
            .order_by(Completion.completed_at.desc(), Completion.id.desc()).limit(RECORD_SHOWN)
        )  # fmt: skip
        return self.render_template(
            "home/my_record.html",
            title=gettext("My training record"),
            person=person,
            report_url=safe_url("ReportsView.show", name="training-record", person_id=person.id)
            if current().may("reports", "read")
            else None,
            rows=[_line(one) for one in db.session.scalars(query)],
        )


def address_of(task: Task) -> str:
    """Return where a task is done."""
    if task.kind in {"review", "approve", "draft"} and task.version is not None:
        return url_for("ItemView.show", pk=task.item.id, version=task.version.id)
    if task.version is not None:
        return url_for("ReadingView.read", pk=task.version.id)
    return url_for("ItemView.show", pk=task.item.id)


def _told(task: Task, today: date) -> dict[str, Any]:
    kinds = {
        "read": (gettext("Read and sign"), gettext("Read and sign")),
        "quiz": (gettext("Read, then take the quiz"), gettext("Read")),
        "ojt": (gettext("On-the-job training"), gettext("Read, then see your trainer")),
        "class": (gettext("Class"), gettext("Open")),
        "task": (gettext("Certificate"), gettext("Open")),
        "review": (gettext("Review"), gettext("Review")),
        "approve": (gettext("Approve"), gettext("Look and approve")),
        "draft": (gettext("Your draft"), gettext("Go on writing")),
    }
    label, action = kinds[task.kind]
    version = gettext("version %(label)s", label=task.version.label) if task.version else ""
    return {
        "title": task.item.title,
        "code": f"{task.item.code} {version}".strip(),
        "kind": task.kind,
        "kind_label": label,
        "status": task.status,
        "due_on": task.due_on,
        "due_text": due_text(task.due_on, today),
        "why": _cause(task),
        "minutes": task.item.minutes,
        "url": address_of(task),
        "action_label": action,
    }


def due_text(due_on: date | None, today: date) -> str | None:
    """Return how far away a due day is, in words."""
    if due_on is None:
        return None
    days = (due_on - today).days
    if days < 0:
        return ngettext("%(num)s day late", "%(num)s days late", -days)
    if days == 0:
        return gettext("today")
    return ngettext("tomorrow", "in %(num)s days", days)


def _cause(task: Task) -> str | None:
    if task.trigger is None:
        return None
    cause = str(TRIGGERS.get(task.trigger, task.trigger))
    return f"{cause}: {task.source}" if task.source else cause


def _done(one: Completion) -> dict[str, Any]:
    return {
        "title": one.item.title,
        "code": one.item.code,
        "completed_on": one.completed_at,
        "url": url_for("ItemView.show", pk=one.item_id),
    }


def _numbers(day: Day) -> dict[str, int]:
    return {
        "qualified": day.in_order,
        "due_soon": day.counts["due_soon"],
        "overdue": day.late,
        "total": sum(day.counts.values()),
    }


def _line(one: Completion) -> dict[str, Any]:
    return {
        "code": one.item.code,
        "title": one.item.title,
        "version": one.version.label,
        "completed_at": one.completed_at,
        "method": COMPLETION_METHODS.get(one.method, one.method),
        "result": one.result,
        "signed": one.signature_id is not None,
        "url": safe_url("ItemView.show", pk=one.item_id),
    }


def register(appbuilder: AppBuilder) -> None:
    """Register one's own record; the first page is registered by the framework."""
    appbuilder.add_view_no_menu(MyRecordView())
