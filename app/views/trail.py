"""The audit trail as a page: who did what, when and why; export, verification, and the signed review (AUD-4)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import DateField, TextAreaField
from wtforms.validators import DataRequired

from app.domain.dates import Calendar, calendar_of
from app.domain.errors import BadInput, NotFound, RuleBroken
from app.extensions import db
from app.models.base import Record
from app.models.signing import Signature
from app.models.trail import AuditEntry, TrailReview
from app.reports import writing
from app.safeguards import audit
from app.safeguards.context import current
from app.services import shown, trail, trail_review
from app.services.trail_review import BEGINNING, COUNTED, Wanted
from app.views import exports
from app.views.arguments import whole_number
from app.views.base import url_of, view_of
from app.views.columns import column
from app.views.guard import permitted
from app.views.history import KINDS
from app.views.listing import LONGEST_TEXT, Chip
from app.views.refusals import show_on
from app.views.signing import ask, seen_signatures
from app.views.transaction import transaction

ORDER = 820
SIZE = 50
FARTHEST = COUNTED // SIZE
ACTIONS: dict[str, Any] = {
    **KINDS,
    "login": _l("signed in"),
    "logout": _l("signed out"),
    "login_failed": _l("failed to sign in"),
    "migration": _l("changed by an upgrade"),
    "verification": _l("verified the trail"),
    "permission": _l("changed a permission"),
}
"""What happened, in words; others keep the name that the trail has for them."""


class ReviewForm(FlaskForm):
    """Asks for the period that was reviewed and what was found."""

    starts_on = DateField(_l("From"), validators=[DataRequired()])
    ends_on = DateField(_l("Through"), validators=[DataRequired()])
    conclusion = TextAreaField(
        _l("Conclusion"),
        validators=[DataRequired()],
        description=_l("What was looked at, what was found, and what follows from it."),
        render_kw={"rows": 5},
    )


def calendar() -> Calendar:
    """Return the reader's calendar."""
    return calendar_of(current().zone)


ARGUMENTS = ("person", "record", "kind", "action", "q", "from", "to")
"""What the pages of the trail can be asked by."""


def asked() -> Wanted:
    """Return what the query string asks for, checked."""
    args = request.args
    record_type, _, record_id = args.get("record", "").partition("/")
    starts_on, ends_on = _day("from"), _day("to")
    return Wanted(
        username=args.get("person") or None,
        table=args.get("kind") or record_type or None,
        record_id=record_id or None,
        kind=args.get("action") or None,
        text=args.get("q", "").strip()[:LONGEST_TEXT],
        starts_at=calendar().midnight(starts_on) if starts_on else None,
        ends_at=calendar().through(ends_on) if ends_on else None,
    )


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput("“%(text)s” is not a day. Enter it as 2026-03-31.", text=text[:40]) from None


def told(entries: Iterable[AuditEntry]) -> list[dict[str, Any]]:
    """Return entries as the page shows them, with the labels of fields and records."""
    listed = list(entries)
    records = _records(listed)
    return [_told(entry, records.get((entry.table_name, entry.record_id))) for entry in listed]


def _records(entries: Sequence[AuditEntry]) -> dict[tuple[str | None, str | None], Record]:
    """Return the records that the entries are about and that still exist within the reader's scope."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        number = whole_number(entry.record_id)
        if entry.table_name and number is not None:
            wanted[entry.table_name].add(number)
    found: dict[tuple[str | None, str | None], Record] = {}
    for table, ids in wanted.items():
        try:
            model = shown.model_of(table)
        except NotFound:  # a table of Flask-AppBuilder, or one that went with an upgrade
            continue
        for record in db.session.scalars(select(model).where(model.id.in_(ids))):
            found[table, str(record.id)] = record
    return found


def _told(entry: AuditEntry, record: Record | None) -> dict[str, Any]:
    return {
        "number": entry.id,
        "when": entry.at,
        "printed_name": entry.printed_name,
        "username": entry.username,
        "action": entry.kind,
        "action_label": ACTIONS.get(entry.kind, entry.kind),
        "record_label": _record_label(entry, record),
        "record_url": url_of(record) if record is not None else None,
        "reason": entry.reason,
        "source": entry.source,
        "changes": _changes(entry, type(record) if record is not None else None),
    }


def _record_label(entry: AuditEntry, record: Record | None) -> str | None:
    """Return what the entry is about in words: the kind of record as its page calls it, and what it is called."""
    if entry.table_name is None:
        return None
    view = view_of(record) if record is not None else None
    kind = str(view.title_one) if view is not None else entry.table_name
    if record is None or type(record).__repr__ is object.__repr__:
        return f"{kind} {entry.record_id or ''}".strip()
    return f"{kind} {entry.record_id}: {record!r}"


def _changes(entry: AuditEntry, model: type[Record] | None) -> list[dict[str, Any]]:
    before, after = _values(entry.before), _values(entry.after)
    return [
        {"label": _label(model, name), "old": _words(before.get(name)), "new": _words(after.get(name))}
        for name in sorted(before.keys() | after.keys())
        if name != "row_version" and before.get(name) != after.get(name)
    ]


def _label(model: type[Record] | None, name: str) -> Any:
    try:
        return column(cast("Any", model), name).label if model is not None else name
    except KeyError:
        return name


def _values(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {"": value}


def _words(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


class TrailView(BaseView):
    """Reads, exports, verifies and reviews the trail. Nothing here can change it."""

    route_base = "/trail"
    resource = "trail"
    default_view = "show"

    @expose("/")
    @permitted("read")
    def show(self) -> ResponseReturnValue:
        """Show the entries asked for, the newest first."""
        wanted, session, may = asked(), db.session(), current().may
        page = min(max(request.args.get("page", 0, type=int), 0), FARTHEST)
        entries, count = trail_review.page_of(session, wanted, page, SIZE)
        args = _arguments()
        return render_template(
            "trail/review.html",
            entries=told(entries),
            page=page,
            pages=max(-(-count // SIZE), 1),
            count=count,
            people=[(name, name) for name in trail_review.people(session)],
            kinds=[(name, name) for name in trail_review.tables(session)],
            actions=list(ACTIONS.items()),
            chosen=args,
            from_day=args.get("from", ""),
            to_day=args.get("to", ""),
            export_url=url_for("TrailView.export", form="xlsx", **_arguments()) if may("trail", "export") else None,
            verify_url=url_for("TrailView.verify") if may("trail", "verify") else None,
            review_url=url_for("TrailView.review") if may("trail", "review") else None,
            last_check=self._last_check(),
            reviews=[line for review, _ in trail_review.reviews(session) for line in seen_signatures(review)],
        )

    def _last_check(self) -> dict[str, Any] | None:
        query = select(AuditEntry).where(AuditEntry.kind == "verification").order_by(AuditEntry.id.desc()).limit(1)
        entry = db.session.scalar(query)
        if entry is None:
            return None
        result = _values(entry.after)
        when = calendar().day(entry.at).isoformat()
        if result.get("sound"):
            text = gettext("Verified on %(day)s: %(entries)s entries agree with %(rows)s rows. Seal %(seal)s.",
                           day=when, entries=result["entries"], rows=result["rows"], seal=result["seal"])  # fmt: skip
        else:
            text = gettext("Verified on %(day)s: NOT sound. %(what)s", day=when, what=" ".join(result["findings"]))
        return {"ok": bool(result.get("sound")), "text": text}

    @expose("/export/<string:form>")
    @permitted("export")
    def export(self, form: str) -> ResponseReturnValue:
        """Send the entries asked for as Excel, CSV or PDF; the export is an entry itself."""
        if form not in writing.CONTENT_TYPES:
            raise BadInput("Lists are exported as xlsx, csv or pdf.")
        titles = [
            gettext("No."), gettext("When"), gettext("Who"), gettext("User name"), gettext("What"), gettext("Record"),
            gettext("Before"), gettext("After"), gettext("Reason"), gettext("Hash"),
        ]  # fmt: skip
        rows = [
            (one.id, one.at, one.printed_name, one.username, str(ACTIONS.get(one.kind, one.kind)),
             f"{one.table_name or ''} {one.record_id or ''}".strip(), one.before, one.after, one.reason, one.leaf)
            for one in db.session.scalars(trail_review.matching(asked()))
        ]  # fmt: skip
        known = {name: request.args[name] for name in ARGUMENTS if request.args.get(name)}
        chips = [Chip(name, value, name, value) for name, value in known.items()]
        file = writing.write(exports.report_of(gettext("Audit trail"), titles, rows, chips), form, translate=gettext)
        with transaction() as session:
            audit.note(session, "export", list="trail", form=form, filters=known, rows=len(rows),
                       digest=file.digest)  # fmt: skip
        return exports.download(file)

    @expose("/verify", methods=["POST"])
    @permitted("verify")
    def verify(self) -> ResponseReturnValue:
        """Verify the whole trail now; the result is an entry."""
        folder = Path(current_app.config["CHECKPOINT_FOLDER"])
        keys = trail.read_public_keys(Path(current_app.config["TRAIL_KEY_FILE"]).parent)
        db.session.rollback()
        with db.engine.connect() as connection:
            verdict = trail.verify(connection, keys, trail.read_notes(folder) if folder.is_dir() else {})
        with transaction() as session:
            audit.note(session, "verification", sound=verdict.sound, entries=verdict.entries, links=verdict.links,
                       rows=verdict.rows, seal=verdict.seal,
                       findings=[str(finding.what) for finding in verdict.findings[:20]])  # fmt: skip
        return redirect(url_for("TrailView.show"))

    @expose("/review", methods=["GET", "POST"])
    @permitted("review")
    def review(self) -> ResponseReturnValue:
        """Ask for the period and the conclusion of a review, then lead to its signature."""
        until = trail_review.reviewed_until(db.session())
        today = calendar().day(current().now())
        start = calendar().day(until) if until > BEGINNING else today - timedelta(days=30)
        form = ReviewForm(starts_on=start, ends_on=today - timedelta(days=1))
        if form.validate_on_submit():
            try:
                with transaction() as session:
                    made = trail_review.begin_review(session, *_period(form), form.conclusion.data)
                return redirect(url_for("TrailView.sign", pk=made.id))
            except RuleBroken as refusal:
                show_on(form, refusal)
        return render_template(
            "form_page.html", title=gettext("Review of the audit trail"), form=form,
            lead=gettext("Say which days you reviewed and what you found. You sign it in the next step."),
            submit_label=gettext("Go on to the signature"), cancel_url=url_for("TrailView.show"),
        ), 422 if form.errors else 200  # fmt: skip

    @expose("/review/<int:pk>/sign", methods=["GET", "POST"])
    @permitted("review")
    def sign(self, pk: int) -> ResponseReturnValue:
        """Sign a review."""
        home = url_for("TrailView.show")
        review = shown.find(db.session(), TrailReview.__tablename__, pk)

        def after(session: Session, signature: Signature, reason: str | None) -> str:
            return home

        return ask(
            review, "review", after, title=gettext("Review of the audit trail"),
            action_url=url_for("TrailView.sign", pk=pk), cancel_url=home, done=gettext("The review is signed."),
        )  # fmt: skip


def _arguments() -> dict[str, Any]:
    return dict(request.args.to_dict())


def _period(form: ReviewForm) -> tuple[datetime, datetime]:
    return calendar().midnight(form.starts_on.data), calendar().through(form.ends_on.data)


def register(appbuilder: AppBuilder) -> None:
    """Put the trail into the menu."""
    appbuilder.add_view(
        TrailView(), "trail", icon="history", label=_l("Audit trail"), category="Administration",
        category_icon="settings", category_label=_l("Administration"),
    )  # fmt: skip
