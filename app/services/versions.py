"""Drafting a version: content, revision class, training impact per job function, what changed (DOC-2, DOC-4, DOC-5)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import textdiff
from app.domain.errors import NotAllowed, RuleBroken
from app.domain.lifecycles import VERSION
from app.domain.numbering import next_label
from app.models.base import FOREVER
from app.models.documents import REVISION_CLASSES, VERDICTS, Item, Release, Verdict, Version
from app.models.matrix import Completion, Requirement, RequirementUnit
from app.models.organization import Unit
from app.models.people import Person
from app.safeguards.context import current, within_all_clients
from app.services import contents, documents, facts, files, shown

EDITABLE = ("label", "revision_class", "change_summary", "planned_effective_at")
"""Columns of a draft that its author sets directly; content and verdicts have their own functions."""

DEFAULT_VERDICT = {"editorial": "none", "minor": "notice", "major": "read"}
"""What a revision class demands where no verdict says otherwise (docs/compliance.md)."""


def new_version(session: Session, item: Item, revision_class: str = "major", label: str | None = None) -> Version:
    """Begin a draft that starts from the newest version's content. Raises RuleBroken while another is under way."""
    if not (current().may("documents", "add") or current().may("documents", "edit")):
        raise NotAllowed("You may not write documents.")
    session.refresh(item, with_for_update=True)
    versions = session.scalars(select(Version).where(Version.item_id == item.id).order_by(Version.sequence)).all()
    for one in versions:
        if one.state in {"draft", "review"}:
            raise RuleBroken("Version %(label)s is being worked on. Finish or cancel it first.", label=one.label)
    newest = next((one for one in reversed(versions) if one.state != "obsolete"), None)
    author = documents.person_of(session)
    version = Version(
        item_id=item.id,
        client_id=item.client_id,
        sequence=versions[-1].sequence + 1 if versions else 1,
        label=label or _free_label(versions, newest, revision_class),
        revision_class=_known_class(revision_class),
        file_id=newest.file_id if newest else None,
        file_name=newest.file_name if newest else None,
        text=newest.text if newest else None,
        author_id=author.id if author else None,
    )
    session.add(version)
    session.flush()
    return version


def _free_label(versions: Iterable[Version], newest: Version | None, revision_class: str) -> str:
    taken = {one.label for one in versions}
    label = next_label(newest.label if newest else None, revision_class)
    while label in taken:
        label = next_label(label, revision_class)
    return label


def _known_class(revision_class: str) -> str:
    if revision_class not in REVISION_CLASSES:
        raise RuleBroken("Choose major, minor or editorial as the revision class.", field="revision_class")
    return revision_class


def edit_draft(session: Session, version: Version, **values: Any) -> None:
    """Change columns of a draft. Raises RuleBroken once it is out of the author's hands."""
    ensure_editable(version)
    for name, value in values.items():
        if name not in EDITABLE:
            raise RuleBroken("“%(field)s” is not set here.", field=name)
        setattr(version, name, value.strip() if isinstance(value, str) else value)
    _known_class(version.revision_class)
    if not version.label:
        raise RuleBroken("Give the version a label.", field="label")
    session.flush()


def ensure_editable(version: Version) -> None:
    """Refuse changes of anything but a draft, and by those who may not write. Raises RuleBroken, NotAllowed."""
    if version.state not in VERSION.editable:
        raise RuleBroken("Version %(label)s is no longer a draft. Return it to its author or begin a new version.",
                         label=version.label)  # fmt: skip
    if not current().may("documents", "edit"):
        raise NotAllowed("You may not change documents.")


def set_content(session: Session, version: Version, data: bytes, name: str, content_type: str | None = None) -> None:
    """Give a draft its content from an uploaded file: PDF, DOCX or Markdown. Raises BadInput, RuleBroken."""
    ensure_editable(version)
    kind = files.checked_type(data, name, content_type)
    text = contents.extract_text(data, kind)
    stored = files.store(session, data, name, content_type)
    version.file_id, version.file_name, version.text = stored.id, files.clean_name(name), text
    session.flush()
    session.expire(version, ["file"])


def set_markdown(session: Session, version: Version, text: str) -> None:
    """Give a draft the Markdown that was typed in the page."""
    if not text.strip():
        raise RuleBroken("The text is empty.", field="text")
    lines = "\n".join(text.splitlines()) + "\n"
    name = f"{version.item.code} v{version.label}.md".replace("/", "-")
    set_content(session, version, lines.encode(), name, files.MARKDOWN)


# --- training impact -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Impact:
    """What a version demands of one job function, and why. ``stated`` tells that somebody decided it."""

    function: Unit
    verdict: str
    reason: str | None
    stated: bool


def verdicts_of(session: Session, version: Version) -> list[Verdict]:
    """Return the verdicts of a version that were not withdrawn."""
    query = select(Verdict).where(Verdict.version_id == version.id, Verdict.voided_at == FOREVER)
    return list(session.scalars(query.order_by(Verdict.function_id)))


def impacts(session: Session, version: Version) -> list[Impact]:
    """Return the training impact for every job function that the item is required of, or that has a verdict."""
    stated = {verdict.function_id: verdict for verdict in verdicts_of(session, version)}
    needed = select(RequirementUnit.unit_id).join(Requirement).where(
        Requirement.item_id == version.item_id, Requirement.voided_at == FOREVER, Requirement.ends_at > current().now()
    )  # fmt: skip
    functions = session.scalars(
        select(Unit)
        .where(Unit.kind == "job_function", Unit.id.in_(needed) | Unit.id.in_(list(stated)))
        .order_by(Unit.name, Unit.id)
    )
    default = default_verdict(session, version)
    return [
        Impact(function, stated[function.id].verdict, stated[function.id].reason, True)
        if function.id in stated
        else Impact(function, default, None, False)
        for function in functions
    ]


def default_verdict(session: Session, version: Version) -> str:
    """Return what the revision class demands; the first version is always trained."""
    earlier = session.scalar(
        select(Release.id).join(Version, Version.id == Release.version_id)
        .where(Release.item_id == version.item_id, Release.voided_at == FOREVER, Version.sequence < version.sequence)
    )  # fmt: skip
    return "read" if earlier is None else DEFAULT_VERDICT[version.revision_class]


def set_verdicts(session: Session, version: Version, wanted: Mapping[int, tuple[str, str]]) -> None:
    """State what a draft demands of each job function: function id to (verdict, reason).

    A function that is left out falls back to the revision class. A changed verdict withdraws the old fact and restates
    it. Raises RuleBroken for an unknown verdict; a missing reason only stops the draft when it is submitted.
    """
    ensure_editable(version)
    present = {verdict.function_id: verdict for verdict in verdicts_of(session, version)}
    for function_id, (verdict, reason) in wanted.items():
        if verdict not in VERDICTS:
            raise RuleBroken("Choose the training impact from the list.", field="verdict")
        old = present.pop(function_id, None)
        cleaned = reason.strip() or None
        if old is not None and (old.verdict, old.reason) == (verdict, cleaned):
            continue
        if old is not None:
            facts.withdraw(session, old, "Changed while drafting")
        facts.record(
            session, Verdict, version_id=version.id, function_id=function_id, verdict=verdict, reason=cleaned,
            replaces_id=old.id if old is not None else None,
        )  # fmt: skip
    for left_out in present.values():
        facts.withdraw(session, left_out, "Left to the revision class while drafting")


@shown.content_of("versions")
def content(session: Session, version: Version) -> dict[str, Any]:
    """Return what signatures on a version bind: identity, content by digest, what changed, training impact, date."""
    file = version.file
    # what a signature binds must not depend on the client scope of whoever looks at it
    with within_all_clients():
        author = session.get(Person, version.author_id) if version.author_id else None
        verdicts = [(session.get_one(Unit, one.function_id).code, one) for one in verdicts_of(session, version)]
    return {
        "code": version.item.code,
        "title": version.item.title,
        "version": version.label,
        "revision_class": version.revision_class,
        "change_summary": version.change_summary,
        "file": {"name": version.file_name, "sha256": file.sha256, "size": file.size} if file else None,
        "author": author.name if author else None,
        "planned_effective_at": version.planned_effective_at,
        "training_impact": [
            {"function": code, "verdict": verdict.verdict, "reason": verdict.reason} for code, verdict in verdicts
        ],
    }


# --- what changed ----------------------------------------------------------------------------------------------------


def changes_between(old: Version | None, new: Version) -> list[textdiff.Line]:
    """Return the comparison of two versions' texts, by line and word; against nothing when there is no old one."""
    return textdiff.compare(old.text or "" if old else "", new.text or "")


def former(session: Session, version: Version) -> Version | None:
    """Return the version before this one that was released, if any."""
    query = (
        select(Version).where(
            Version.item_id == version.item_id, Version.sequence < version.sequence,
            Version.state.in_(("approved", "effective", "superseded", "obsolete")),
        ).order_by(Version.sequence.desc())
    )  # fmt: skip
    return session.scalars(query).first()


def last_trained_version(session: Session, person_id: int, version: Version) -> Version | None:
    """Return the newest version before ``version`` that a person was trained on, for the diff that concerns them."""
    query = (
        select(Version).join(Completion, Completion.version_id == Version.id)
        .where(
            Version.item_id == version.item_id, Version.sequence < version.sequence, Completion.person_id == person_id,
            Completion.result == "passed", Completion.voided_at == FOREVER,
        ).order_by(Version.sequence.desc())
    )  # fmt: skip
    return session.scalars(query).first()


def release_of(session: Session, version: Version) -> Release | None:
    """Return the release of a version that was not withdrawn, if it has one."""
    query = select(Release).where(Release.version_id == version.id, Release.voided_at == FOREVER)
    return session.scalars(query.order_by(Release.recorded_at.desc())).first()


def effective_from(session: Session, version: Version) -> datetime | None:
    """Return the instant from which a version is or will be in force, or None before its approval."""
    release = release_of(session, version)
    return release.effective_from if release else None
