"""The signature page: shows exactly what is signed, asks for the components, and lets follow what was signed for.

Other pages call ``ask``; the steps of a workflow have their own address here. Works as a page and in a dialog.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, RuleBroken
from app.domain.lifecycles import LIFECYCLES, MEANINGS
from app.domain.workflow import Step
from app.extensions import db
from app.models.base import Record
from app.models.documents import Version
from app.models.signing import Signature
from app.safeguards.context import current
from app.services import logins, shown, signing, workflow
from app.views.base import url_of
from app.views.guard import note_refusal, signed_in
from app.views.look import say
from app.views.refusals import sentence
from app.views.transaction import transaction

ORDER = 30

After = Callable[[Session, Signature, str | None], str]
"""What a signature was given for: does it in the same transaction and returns the address to go to."""

LABELS: dict[str, Any] = {
    "code": _l("Code"),
    "title": _l("Title"),
    "version": _l("Version"),
    "revision_class": _l("Revision class"),
    "change_summary": _l("What changed"),
    "file": _l("Content"),
    "author": _l("Author"),
    "planned_effective_at": _l("Planned effective date"),
    "training_impact": _l("Training impact"),
    "employee_no": _l("Employee no."),
    "name": _l("Name"),
    "assigned_because_of": _l("Assigned because of"),
    "changes_shown_since": _l("Changes shown since version"),
    "trained": _l("Trained"),
    "concerned": _l("People concerned"),
    "untrained": _l("Not trained"),
}
"""What the fields of a signed content are called; others keep their own name."""


def policy() -> signing.Policy:
    """Return how strict signing is in this installation."""
    config = current_app.config
    return signing.Policy(
        check_password=logins.password_matches,
        attempts=config["SIGNING_ATTEMPTS"],
        idle=timedelta(minutes=config["SESSION_IDLE_MINUTES"]),
    )


def ask(
    record: Record,
    purpose: str,
    after: After,
    *,
    title: str,
    action_url: str,
    cancel_url: str,
    needs_reason: bool = False,
    notice: str = "",
    notice_names: Sequence[str] = (),
    extra: str = "",
    done: str = "",
) -> ResponseReturnValue:
    """Show the signature page for ``record``, or take the signature and let ``after`` follow; nothing typed is lost.

    ``purpose`` is a step or an entry of ``lifecycles.OTHER_SIGNINGS``. ``done`` is the sentence shown afterwards.
    """
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            return redirect(_signed(record, purpose, after, done))
        except signing.WrongComponents as wrong:
            with transaction() as session:
                locked = signing.record_failure(session, policy())
            if locked:
                return redirect(url_for("LoginView.login"))
            errors[wrong.field or ""] = sentence(wrong)
        except RuleBroken as refusal:
            errors[refusal.field if refusal.field in {"reason", "username", "password"} else ""] = sentence(refusal)
        db.session.refresh(record)
    with transaction() as session:
        page = signing.open_challenge(session, record, purpose, login=g.login.session, idle=policy().idle)
    return _page(page, errors, title=title, action_url=action_url, cancel_url=cancel_url, needs_reason=needs_reason,
                 notice=notice, notice_names=notice_names, extra=extra)  # fmt: skip


def _signed(record: Record, purpose: str, after: After, done: str) -> str:
    """Sign and let follow, in one transaction; sending the form twice leads to the same place."""
    form = request.form
    reason = (form.get("reason") or "").strip() or None
    act = signing.Act(
        form.get("token", ""), form.get("username"), form.get("password", ""), g.login.session, reason,
        record_type=record.__tablename__, record_id=record.id, purpose=purpose,
    )  # fmt: skip
    with transaction(reason) as session:
        url = after(session, signing.sign(session, act, policy()), reason)
    flash(done or gettext("Signed."), "success")
    return url


def _page(page: signing.Challenge, errors: Mapping[str, str], **values: Any) -> ResponseReturnValue:
    html = render_template(
        "signing/sign.html",
        meaning=say(MEANINGS[page.shown["meaning"]]),
        statement=say(page.statement),
        record_title=title_of(page.shown["record"]),
        lines=[*lines_of(page.shown["record"]), *lines_of(page.shown["circumstances"])],
        digest=page.digest,
        printed_name=current().printed_name,
        needs_username=page.needs_username,
        typed_username=request.form.get("username", ""),
        hidden={"token": page.token},
        reason=request.form.get("reason", ""),
        errors=dict(errors),
        **values,
    )
    return html, 422 if errors else 200


def title_of(content: Mapping[str, Any]) -> str:
    """Return what the signed record is called."""
    return " · ".join(str(content[key]) for key in ("code", "title", "name") if content.get(key)) or gettext("Record")


def lines_of(content: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return label and value of everything in a signed content, in words."""
    return [(LABELS.get(key, key), words(value)) for key, value in content.items()]


def words(value: Any) -> str:
    """Return a value of a signed content as a reader sees it; lists and groups are spelled out."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, list):
        return "; ".join(words(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(words(one) for one in value.values() if one not in (None, ""))
    return str(value)


def seen_signatures(record: Record) -> list[dict[str, Any]]:
    """Return the signatures on a record as the part ``ui.signature_line`` wants them (21 CFR 11.50)."""
    return [
        {
            "printed_name": one.signature.printed_name,
            "meaning": say(MEANINGS.get(one.signature.meaning, one.signature.meaning)),
            "signed_at": one.signature.signed_at,
            "intact": one.status == "valid",
            "status": say(one.words),
            "record_version": one.signature.record_version,
        }
        for one in signing.signatures_of(db.session(), record)
    ]


class SigningView(BaseView):
    """Signs and takes the steps of every record that has a workflow."""

    route_base = "/sign"
    default_view = "step"

    @expose("/<string:record_type>/<int:pk>/<string:name>", methods=["GET", "POST"])
    @signed_in
    def step(self, record_type: str, pk: int, name: str) -> ResponseReturnValue:
        """Sign one step of one record and take it. The step's own permission is checked here and by the service."""
        if record_type not in LIFECYCLES:
            raise NotFound("There is no such page.")
        step = LIFECYCLES[record_type].step(name)
        record: Any = shown.find(db.session(), record_type, pk)
        if step.permission is None or not current().may(*step.permission):
            note_refusal(*(step.permission or (record_type, name)))
            raise NotFound("There is no such record, or you may not do this.")
        home = _home_of(record)

        def take(session: Session, signature: Signature, reason: str | None) -> str:
            workflow.perform(session, record, name, signature=signature, reason=reason)
            return home

        notice, names = _notice(record, step)
        return ask(
            record, name, take, title=say(step.label), action_url=url_for("SigningView.step", record_type=record_type,
            pk=pk, name=name), cancel_url=home, needs_reason=step.reason, notice=notice, notice_names=names,
            done=gettext("Signed: %(step)s", step=say(step.label)),
        )  # fmt: skip


def _home_of(record: Any) -> str:
    """Return the page to go back to; of a version, its document with that version shown."""
    if isinstance(record, Version):
        return url_for("ItemView.show", pk=record.item_id, version=record.id)
    return url_of(record) or "/"


def _notice(record: Any, step: Step) -> tuple[str, list[str]]:
    """Return what still holds the step, so that nobody signs in vain."""
    held = workflow.unmet(db.session(), workflow.Move(record, step, None, None)) if record.state in step.sources else []
    return (gettext("This step has to wait:"), [say(one) for one in held]) if held else ("", [])


def register(appbuilder: AppBuilder) -> None:
    """Register the address of workflow steps."""
    appbuilder.add_view_no_menu(SigningView())
