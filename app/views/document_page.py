"""What the page of a document shows: its versions, signatures, gates, training impact, and who is trained."""

from typing import Any

from flask import render_template, url_for
from flask_babel import gettext
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.compliance import EXEMPT, ON_LEAVE
from app.extensions import db
from app.models.base import FOREVER
from app.models.documents import REVISION_CLASSES, VERDICTS, VERSION_STATES, Item, Version
from app.models.people import Membership
from app.safeguards.context import current
from app.services import compliance, documents, training_gate, versions, workflow
from app.views.look import safe_url, say
from app.views.record_core import Tab
from app.views.signing import seen_signatures

ICONS = {
    "submit": "send",
    "review": "eye-check",
    "approve": "signature",
    "return": "arrow-back-up",
    "cancel": "circle-x",
    "confirm": "checks",
    "retire": "archive",
    "release_untrained": "alert-triangle",
}
PRIMARY = frozenset({"submit", "approve"})
WAITING_SHOWN = 12


def chosen_version(item: Item, number: int | None) -> tuple[Version | None, list[Version]]:
    """Return the version to show (asked for, else in force, else the newest) and all that may be seen."""
    seen = documents.visible_versions(db.session(), item)
    asked = next((one for one in seen if one.id == number), None)
    in_force = next((one for one in seen if one.state == "effective"), None)
    return asked or in_force or (seen[0] if seen else None), seen


def values(item: Item, number: int | None) -> dict[str, Any]:
    """Return the variables of ``documents/document.html``."""
    version, seen = chosen_version(item, number)
    may = current().may
    told: dict[str, Any] = {
        "item": item,
        "version_record": version,
        "version": _version(version) if version else None,
        "versions": [_listed(one, version) for one in seen],
        "transitions": _steps(version) if version else [],
        "gates": _gates(version) if version else [],
        "verdicts": _verdicts(version) if version else [],
        "verdict_url": None,
        "trained": _trained(item, version),
        "what_if_url": None,
        "diff_url": None,
        "new_version_url": url_for("ItemView.new_version", pk=item.id) if may("documents", "submit") else None,
        "reviewers_url": None,
    }
    if version is not None:
        draft = version.state == "draft" and may("documents", "edit")
        told["reviewers_url"] = url_for("VersionView.reviewers", pk=version.id) if draft else None
        told["verdict_url"] = url_for("VersionView.verdicts", pk=version.id) if draft else None
        if version.state in {"draft", "review"} and may("matrix", "read"):
            told["what_if_url"] = url_for("VersionView.what_if", pk=version.id)
        if versions.former(db.session(), version) is not None:
            told["diff_url"] = url_for("VersionView.diff", pk=version.id)
        if may("documents", "print"):
            told["copies_url"] = url_for("VersionView.copies", pk=version.id)
            told["copies_missing"] = len(documents.copies_out(db.session(), item.id))
    return told


def edit_address(item: Item, version: Version | None) -> str | None:
    """Return where the Edit button leads: to the draft if there is one, else to the document's own fields."""
    if not current().may("documents", "edit"):
        return None
    if version is not None and version.state == "draft":
        return url_for("VersionView.edit", pk=version.id)
    return url_for("ItemView.edit", pk=item.id)


def steps_tab(version: Version | None) -> list[Tab]:
    """Return the steps that the shown version has taken, each with its reason, the newest first."""
    taken = workflow.history(db.session(), version) if version is not None else []
    if not taken:
        return []
    steps = workflow.lifecycle_of(version)
    entries = [
        {
            "when": one.at,
            "printed_name": one.printed_name,
            "username": one.username,
            "action_label": say(steps.step(one.name).label),
            "reason": one.reason,
            "changes": [{"label": gettext("State"), "old": _state(one.from_state), "new": _state(one.to_state)}],
        }
        for one in reversed(taken)
    ]
    body = Markup(render_template("record/history.html", entries=entries))  # noqa: S704 (escaped when rendered)
    return [Tab("steps", gettext("Steps"), body, "git-branch", len(entries))]


def _state(name: str) -> str:
    return str(VERSION_STATES.get(name, name))


def _version(version: Version) -> dict[str, Any]:
    release = versions.release_of(db.session(), version)
    return {
        "label": version.label,
        "state": version.state,
        "state_label": str(VERSION_STATES[version.state]),
        "revision_class": REVISION_CLASSES[version.revision_class],
        "change_summary": version.change_summary,
        "effective_from": release.effective_from if release else version.planned_effective_at,
        "training_from": release.training_from if release else None,
        "author": version.author.name if version.author else None,
        "file_name": version.file_name,
        "file_url": url_for("VersionView.download", pk=version.id) if version.file else None,
        "view_url": url_for("ReadingView.read", pk=version.id),
        "digest": version.file.sha256 if version.file else None,
    }


def _listed(version: Version, chosen: Version | None) -> dict[str, Any]:
    session = db.session()
    return {
        "label": version.label,
        "state": version.state,
        "state_label": str(VERSION_STATES[version.state]),
        "effective_from": versions.effective_from(session, version),
        "url": url_for("ItemView.show", pk=version.item_id, version=version.id),
        "current": chosen is not None and version.id == chosen.id,
        "diff_url": url_for("VersionView.diff", pk=version.id) if versions.former(session, version) else None,
        "signatures": seen_signatures(version),
    }


def _steps(version: Version) -> list[dict[str, Any]]:
    """Return the steps that this person may take, with what still holds them."""
    return [
        {
            "name": one.step.name,
            "label": say(one.step.label),
            "url": url_for("SigningView.step", record_type="versions", pk=version.id, name=one.step.name),
            "icon": ICONS.get(one.step.name, "signature"),
            "primary": one.step.name in PRIMARY,
            "refused": " ".join(say(sentence) for sentence in one.unmet),
        }
        for one in workflow.options(db.session(), version)
        if one.step.name != "release_untrained" or not one.unmet
    ]


def _gates(version: Version) -> list[dict[str, Any]]:
    """Return the training gate of a version that is not in force yet."""
    document_type = version.item.type
    if document_type is None or not document_type.train_before_effective or version.state != "approved":
        return []
    found = training_gate.readiness(db.session(), version)
    return [
        {
            "met": found.ready,
            "text": gettext(
                "%(done)s of %(all)s people concerned are trained; %(percent)s %% are needed.",
                done=len(found.trained), all=found.concerned, percent=found.wanted_percent,
            ),
            "names": [person.name for person in found.untrained],
        }
    ]  # fmt: skip


def _verdicts(version: Version) -> list[dict[str, Any]]:
    session = db.session()
    found = versions.impacts(session, version)
    counts = _members(session, [one.function.id for one in found])
    return [
        {
            "function": one.function.name,
            "verdict": one.verdict,
            "verdict_label": str(VERDICTS[one.verdict]),
            "reason": one.reason or ("" if one.stated else gettext("By the revision class")),
            "people": counts.get(one.function.id, 0),
        }
        for one in found
    ]


def _members(session: Session, units: list[int]) -> dict[int, int]:
    now = current().now()
    query = (
        select(Membership.unit_id, func.count(Membership.person_id.distinct()))
        .where(Membership.unit_id.in_(units), Membership.starts_at <= now, Membership.ends_at > now,
               Membership.voided_at == FOREVER)
        .group_by(Membership.unit_id)
    )  # fmt: skip
    return {unit: count for unit, count in session.execute(query)}


def _trained(item: Item, version: Version | None) -> dict[str, Any] | None:
    """Return who of those required is in order now, and who is not (RPT-2); for those who may see compliance."""
    if version is None or version.state not in {"approved", "effective"} or not current().may("compliance", "read"):
        return None
    rows = [
        row for row in compliance.evaluate(db.session(), at=current().now(), items=[item.id])
        if row.status not in (EXEMPT, ON_LEAVE)
    ]  # fmt: skip
    behind = [row for row in rows if not row.decision.permits or _waits(row, version)]
    return {
        "done": len(rows) - len(behind),
        "total": len(rows),
        "url": safe_url("ReportsView.show", name="retrained", item_id=item.id),
        "waiting": [
            {
                "name": row.person,
                "status": row.status,
                "due_on": row.due_on,
                "url": safe_url("PersonView.show", pk=row.person_id),
            }
            for row in behind[:WAITING_SHOWN]
        ],
    }


def _waits(row: compliance.Row, version: Version) -> bool:
    return any(one.id == version.id for one in row.decision.pending)
