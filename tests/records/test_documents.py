"""From a draft to the effective version, and everybody assigned in the same act (DOC-1 to DOC-7, DOC-11)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotAllowed, NotFound, RuleBroken
from app.domain.workflow import GateClosed
from app.models.documents import DocumentType, DocumentView, Item, Release, Verdict, Version
from app.models.jobs import OutboxMail
from app.models.matrix import Assignment, Completion, Requirement, RequirementUnit
from app.models.organization import Unit
from app.models.signing import Signature, Transition
from app.safeguards.context import acting
from app.services import (
    documents,
    effective,
    facts,
    files,
    training_gate,
    version_steps,
    versions,
    workflow,
)
from tests.acts import person, sign, somebody, take
from tests.cast import NOW, context_of
from tests.conftest import House

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> None:
    files.configure(tmp_path / "files")


@pytest.fixture
def session(both_houses: House) -> Iterator[Session]:
    """Every story is told on both databases; between the acts somebody looks on who may do nothing."""
    with acting(context_of()):
        yield both_houses.session


def unit(session: Session, code: str) -> Unit:
    return session.scalars(select(Unit).where(Unit.code == code)).one()


def new_sop(session: Session, title: str = "Cleaning of vessels", functions: tuple[str, ...] = ("OPERATOR",)) -> Item:
    """Dora adds an SOP and Cora puts it into the matrix of the job functions."""
    with acting(somebody(session, "dora")):
        sop = session.scalars(select(DocumentType).where(DocumentType.code == "SOP")).one()
        item = documents.new_document(session, sop, title, owner_id=person(session, "dora").id)
    with acting(somebody(session, "cora")):
        for code in functions:
            row = facts.record(session, Requirement, item_id=item.id, starts_at=NOW - 100 * DAY)
            session.add(RequirementUnit(requirement_id=row.id, unit_id=unit(session, code).id))
        session.commit()
    return item


def write(session: Session, item: Item, text: str, at: datetime = NOW, **values: object) -> Version:
    """Dora writes a version and submits it."""
    with acting(somebody(session, "dora", at)):
        version = versions.new_version(session, item, str(values.pop("revision_class", "major")))
        versions.set_markdown(session, version, text)
        verdicts = values.pop("verdicts", None)
        if isinstance(verdicts, dict):
            wanted = {unit(session, code).id: verdict for code, verdict in verdicts.items()}
            versions.set_verdicts(session, version, wanted)
        versions.edit_draft(session, version, change_summary="Rinse longer", **values)
        take(session, version, "submit", "dora")
        session.commit()
    return version


def approve(session: Session, version: Version, at: datetime = NOW, approver: str = "quinn") -> Transition:
    """Sue reviews it and Quinn approves it."""
    with acting(somebody(session, "sue", at)):
        take(session, version, "review", "sue")
    with acting(somebody(session, approver, at)):
        step = take(session, version, "approve", approver)
        session.commit()
    return step


def later(session: Session, at: datetime) -> list[Version]:
    """The first request or the job at the instant ``at``."""
    with acting(somebody(session, "tom", at)):
        done = effective.apply_due(session)
        session.commit()
    return done


def open_for(session: Session, item: Item) -> dict[str, str]:
    """Return who has an open assignment for the item, and for which version."""
    with acting(somebody(session, "quinn")):
        query = select(Assignment).where(Assignment.item_id == item.id, Assignment.state == "open")
        return {one.person.name: one.version.label for one in session.scalars(query) if one.version}


def train(session: Session, username: str, version: Version, at: datetime) -> None:
    """Somebody was trained; Cora records it and the reconciler follows."""
    with acting(somebody(session, "cora", at)):
        facts.record(
            session, Completion, person_id=person(session, username).id, item_id=version.item_id,
            version_id=version.id, completed_at=at, method="read", result="passed",
        )  # fmt: skip
        session.commit()


OPERATORS = {"Tom Trainee", "Tess Trainee", "Charlie Outside", "Nora Nologin"}


@pytest.mark.req("DOC-2", "DOC-7", "MTX-5", "JOB-3")
def test_approving_makes_release_assignments_and_mail_in_the_same_act(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "# Cleaning\n\nRinse three times.")
    approve(session, version)
    assert version.state == "effective", "without a planned date it takes effect at once"
    released = versions.release_of(session, version)
    assert released is not None
    assert (released.training_from, released.effective_from) == (NOW, NOW)
    assert open_for(session, item) == dict.fromkeys(OPERATORS, "1")
    mails = session.scalars(select(OutboxMail.to)).all()
    assert sorted(mails) == ["charlie@example.com", "tess@example.com", "tom@example.com"], "Nora has no address"


@pytest.mark.req("DOC-2")
def test_what_is_not_committed_leaves_nothing_of_an_approval(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Text")
    with acting(somebody(session, "sue")):
        take(session, version, "review", "sue")
        session.commit()
    with acting(somebody(session, "quinn")):
        take(session, version, "approve", "quinn")
        session.rollback()
        assert version.state == "review"
        for model in (Release, Assignment, OutboxMail):
            assert session.scalar(select(func.count()).select_from(model)) == 0
        assert not session.scalars(select(Signature).where(Signature.meaning == "approval")).all()


@pytest.mark.req("21CFR11.10(g)", "DOC-2")
def test_the_author_neither_reviews_nor_approves(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    with acting(somebody(session, "dora")):
        for step in ("review", "approve"):
            with pytest.raises(GateClosed, match="You wrote this version"):
                take(session, version, step, "dora")


@pytest.mark.req("21CFR11.10(f)", "DOC-2")
def test_nothing_is_approved_before_its_review_is_signed_on_the_same_content(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    with acting(somebody(session, "quinn")), pytest.raises(GateClosed, match="Nobody has signed the review"):
        take(session, version, "approve", "quinn")
    with acting(somebody(session, "sue")):
        take(session, version, "review", "sue")
        signature = sign(session, version, "return", "sue")
        workflow.perform(session, version, "return", signature=signature, reason="Limit in step 2 is wrong")
    with acting(somebody(session, "dora")):
        versions.edit_draft(session, version, change_summary="Limit corrected")
        take(session, version, "submit", "dora")
    with acting(somebody(session, "quinn")), pytest.raises(GateClosed, match="Nobody has signed the review"):
        take(session, version, "approve", "quinn")


@pytest.mark.req("21CFR11.70", "DOC-2")
def test_a_signature_serves_for_its_own_step_and_record_only(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    other = write(session, new_sop(session, "Another"), "Text")
    with acting(somebody(session, "sue")):
        signature = sign(session, version, "review", "sue")
        with pytest.raises(NotAllowed):
            workflow.perform(session, other, "review", signature=signature)
        with pytest.raises(NotAllowed):
            workflow.perform(session, version, "return", signature=signature, reason="x")
        with pytest.raises(RuleBroken, match="electronic signature"):
            workflow.perform(session, version, "review")
        first = workflow.perform(session, version, "review", signature=signature)
        assert workflow.perform(session, version, "review", signature=signature).id == first.id, "sent twice, once done"
        with pytest.raises(NotAllowed):
            workflow.perform(session, version, "return", signature=signature, reason="x")


@pytest.mark.req("DOC-2")
def test_named_reviewers_all_have_to_sign(session: Session) -> None:
    item = new_sop(session)
    with acting(somebody(session, "dora")):
        version = versions.new_version(session, item)
        versions.set_markdown(session, version, "Text")
        versions.edit_draft(session, version, change_summary="First")
        version_steps.request_reviews(session, version, [person(session, "sue"), person(session, "max")])
        take(session, version, "submit", "dora")
    with acting(somebody(session, "sue")):
        take(session, version, "review", "sue")
    with acting(somebody(session, "quinn")), pytest.raises(GateClosed, match="Max Manager"):
        take(session, version, "approve", "quinn")
    with acting(somebody(session, "max")):
        take(session, version, "review", "max")
    with acting(somebody(session, "quinn")):
        take(session, version, "approve", "quinn")
    assert version.state == "effective"


@pytest.mark.req("DOC-2")
def test_after_approval_the_content_stays_as_it_is(session: Session) -> None:
    version = write(session, new_sop(session), "Text", planned_effective_at=NOW + 5 * DAY)
    approve(session, version)
    with acting(somebody(session, "dora")):
        for change in (
            lambda: versions.set_markdown(session, version, "Other text"),
            lambda: versions.edit_draft(session, version, change_summary="Other"),
            lambda: versions.set_verdicts(session, version, {}),
        ):
            with pytest.raises(RuleBroken, match="no longer a draft"):
                change()
        for column, value in (("state", "draft"), ("text", "Other"), ("change_summary", "Other"), ("file_id", None)):
            setattr(version, column, value)
            with pytest.raises(RuleBroken, match=r"transitions|does not change"):
                session.flush()
            session.rollback()
        assert files.read(version.file).decode() == "Text\n"  # type: ignore[arg-type]


@pytest.mark.req("DOC-7")
def test_a_future_date_is_honored_by_whoever_comes_first_after_it(session: Session) -> None:
    item = new_sop(session)
    first = write(session, item, "Rinse three times.")
    approve(session, first)
    second = write(session, item, "Rinse four times.", planned_effective_at=NOW + 10 * DAY)
    approve(session, second)
    assert (first.state, second.state) == ("effective", "approved")
    assert set(open_for(session, item)) == OPERATORS
    assert later(session, NOW + 10 * DAY - timedelta(microseconds=1)) == []
    assert later(session, NOW + 12 * DAY) == [second], "three days off are caught up"
    assert (first.state, second.state) == ("superseded", "effective")
    assert later(session, NOW + 12 * DAY) == [], "a second time changes nothing"
    step = session.scalars(select(Transition).where(Transition.name == "take_effect")).all()[-1]
    assert (step.username, step.printed_name) == ("system", "Qualgate")
    released = versions.release_of(session, second)
    assert released is not None
    assert released.effective_from == NOW + 10 * DAY


@pytest.mark.req("DOC-4")
def test_the_training_impact_differs_by_job_function(session: Session) -> None:
    item = new_sop(session, functions=("OPERATOR", "LEAD"))
    first = write(session, item, "Rinse three times.")
    approve(session, first)
    for username in ("tom", "tess", "charlie", "nora", "sue", "ivan"):
        train(session, username, first, NOW)
    verdicts = {"OPERATOR": ("none", "Only the form for leads changed"), "LEAD": ("read", "New form")}
    second = write(session, item, "Rinse three times. Form 2.", NOW + DAY, verdicts=verdicts)
    approve(session, second, NOW + DAY)
    assert set(open_for(session, item)) == {"Sue Supervisor", "Ivan Instructor"}


@pytest.mark.req("DOC-4")
def test_no_training_needed_has_a_reason_and_is_signed(session: Session) -> None:
    item = new_sop(session)
    approve(session, write(session, item, "One"))
    with pytest.raises(GateClosed, match="Say why the training impact for Operator"):
        write(session, item, "Two", NOW + DAY, verdicts={"OPERATOR": ("none", " ")})
    session.rollback()
    with acting(somebody(session, "dora", NOW + DAY)):
        draft = session.scalars(select(Version).where(Version.state == "draft")).first()
        if draft is None:
            draft = versions.new_version(session, item)
            versions.set_markdown(session, draft, "Two")
            versions.edit_draft(session, draft, change_summary="Layout")
        versions.set_verdicts(session, draft, {unit(session, "OPERATOR").id: ("none", "Layout only")})
        take(session, draft, "submit", "dora")
        session.commit()
    approve(session, draft, NOW + DAY)
    signature = session.scalars(select(Signature).where(Signature.meaning == "approval")).all()[-1]
    assert '"reason":"Layout only","verdict":"none"' in signature.shown.replace('"function":"OPERATOR",', "")


@pytest.mark.req("DOC-4")
def test_a_changed_mind_about_the_impact_withdraws_and_restates(session: Session) -> None:
    item = new_sop(session)
    with acting(somebody(session, "dora")):
        version = versions.new_version(session, item)
        operator = unit(session, "OPERATOR").id
        versions.set_verdicts(session, version, {operator: ("ojt", "New machine")})
        versions.set_verdicts(session, version, {operator: ("read", "Same machine")})
        versions.set_verdicts(session, version, {operator: ("read", "Same machine")})
        (kept,) = versions.verdicts_of(session, version)
        every = session.scalars(select(Verdict).order_by(Verdict.id)).all()
        assert [one.verdict for one in every] == ["ojt", "read"]
        assert kept.replaces_id == every[0].id


def gated(session: Session, percent: int = 100) -> Item:
    """An SOP whose type wants people trained before it takes effect; version 1 is in force and all are trained."""
    item = new_sop(session)
    first = write(session, item, "Rinse three times.")
    approve(session, first)
    for username in ("tom", "tess", "charlie", "nora"):
        train(session, username, first, NOW)
    with acting(somebody(session, "quinn")):
        item.type.train_before_effective, item.type.trained_percent = True, percent  # type: ignore[union-attr]
        session.commit()
    return item


@pytest.mark.req("DOC-6")
def test_a_version_waits_until_everybody_concerned_is_trained(session: Session) -> None:
    item = gated(session)
    version = write(session, item, "Rinse four times.", NOW + DAY, planned_effective_at=NOW + 10 * DAY)
    approve(session, version, NOW + DAY)
    train(session, "tom", version, NOW + 2 * DAY)
    assert later(session, NOW + 10 * DAY) == []
    assert version.state == "approved"
    assert [one.label for one in item.versions if one.state == "effective"] == ["1"]
    assert versions.effective_from(session, version) == NOW + 11 * DAY, "looked at again a day later"
    with acting(somebody(session, "quinn", NOW + 10 * DAY)):
        found = training_gate.readiness(session, version)
        assert {one.name for one in found.untrained} == OPERATORS - {"Tom Trainee"}
        assert [one.name for one in found.trained] == ["Tom Trainee"]
    for username in ("tess", "charlie", "nora"):
        train(session, username, version, NOW + 10 * DAY)
    assert later(session, NOW + 11 * DAY) == [version]


@pytest.mark.req("DOC-6")
def test_a_lower_percentage_is_enough_where_the_type_says_so_and_is_never_rounded_up(session: Session) -> None:
    item = gated(session, percent=75)
    version = write(session, item, "Rinse four times.", NOW + DAY, planned_effective_at=NOW + 10 * DAY)
    approve(session, version, NOW + DAY)
    for username in ("tom", "tess"):
        train(session, username, version, NOW + 2 * DAY)
    assert later(session, NOW + 10 * DAY) == [], "half is not three quarters"
    train(session, "nora", version, NOW + 10 * DAY)
    assert later(session, NOW + 11 * DAY) == [version]


@pytest.mark.req("DOC-6", "21CFR11.50")
def test_a_signed_override_names_the_untrained_and_takes_effect_now(session: Session) -> None:
    item = gated(session)
    version = write(session, item, "Rinse four times.", NOW + DAY, planned_effective_at=NOW + 10 * DAY)
    approve(session, version, NOW + DAY)
    train(session, "tom", version, NOW + 2 * DAY)
    later(session, NOW + 10 * DAY)
    with acting(somebody(session, "dora", NOW + 10 * DAY)), pytest.raises(NotAllowed):
        take(session, version, "release_untrained", "dora", reason="Needed")
    session.rollback()
    with acting(somebody(session, "quinn", NOW + 10 * DAY)):
        with pytest.raises(RuleBroken, match="reason"):
            take(session, version, "release_untrained", "quinn")
        session.rollback()
        take(session, version, "release_untrained", "quinn", reason="Recall of the old method")
        session.commit()
    assert version.state == "effective"
    signature = session.scalars(select(Signature).where(Signature.meaning == "release_override")).one()
    for name in OPERATORS - {"Tom Trainee"}:
        assert name in signature.shown
    assert "Tom Trainee" not in signature.shown


@pytest.mark.req("DOC-6")
def test_a_gated_type_needs_a_date_in_the_future(session: Session) -> None:
    item = gated(session)
    version = write(session, item, "Rinse four times.", NOW + DAY)
    with pytest.raises(GateClosed, match="planned effective date"):
        approve(session, version, NOW + DAY)


@pytest.mark.req("DOC-11")
def test_author_reviewer_and_approver_count_as_trained_when_the_type_says_so(session: Session) -> None:
    item = new_sop(session)
    with acting(somebody(session, "quinn")):
        item.type.author_credit = True  # type: ignore[union-attr]
        session.commit()
    version = write(session, item, "Text")
    approve(session, version)
    credited = session.scalars(select(Completion).where(Completion.method == "author")).all()
    assert {one.person.name for one in credited} == {"Dora Documents", "Sue Supervisor", "Quinn Quality"}
    assert all(one.signature_id and one.version_id == version.id for one in credited)


@pytest.mark.req("DOC-2")
def test_a_canceled_version_was_never_released_and_its_assignments_go(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Text", planned_effective_at=NOW + 10 * DAY)
    approve(session, version)
    assert set(open_for(session, item)) == OPERATORS
    with acting(somebody(session, "quinn", NOW + DAY)):
        take(session, version, "cancel", "quinn", reason="Wrong template")
        session.commit()
    assert versions.release_of(session, version) is None
    assert later(session, NOW + 11 * DAY) == []
    assert version.state == "obsolete"


@pytest.mark.req("DOC-2", "DOC-8")
def test_an_effective_document_is_confirmed_in_review_and_retired_in_the_end(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Text")
    approve(session, version)
    assert item.review_due_on is not None
    assert item.review_due_on.isoformat() == "2028-03-10"
    with acting(somebody(session, "quinn", NOW + 700 * DAY)):
        take(session, version, "confirm", "quinn", reason="Still describes what we do")
        assert item.review_due_on.isoformat() == "2030-02-08"
        take(session, version, "retire", "quinn", reason="Vessel was sold")
        session.commit()
    assert version.state == "obsolete"
    assert open_for(session, item) == {}


@pytest.mark.req("DOC-3")
def test_only_the_effective_version_is_for_use(session: Session) -> None:
    item = new_sop(session)
    first, second = write(session, item, "One"), None
    approve(session, first)
    second = write(session, item, "Two")
    with acting(somebody(session, "tom")):
        assert documents.readable(session, first.id)
        with pytest.raises(NotFound):
            documents.readable(session, second.id)
        assert documents.visible_versions(session, item) == [first]
    approve(session, second)
    with acting(somebody(session, "tom")):
        assert documents.readable(session, second.id)
        with pytest.raises(NotAllowed, match="no longer in force"):
            documents.readable(session, first.id)
    with acting(somebody(session, "quinn")):
        assert documents.readable(session, first.id)


@pytest.mark.req("DOC-3")
def test_controlled_copies_are_numbered_and_missed_until_they_are_back(session: Session) -> None:
    item = new_sop(session)
    first = write(session, item, "One")
    approve(session, first)
    with acting(somebody(session, "quinn")):
        copies = [documents.issue_copy(session, first, place) for place in ("Line 1", "Line 2")]
        assert [copy.number for copy in copies] == [1, 2]
        assert documents.copies_out(session, item.id) == []
        session.commit()
    with acting(somebody(session, "tom")), pytest.raises(NotAllowed):
        documents.issue_copy(session, first, "My locker")
    approve(session, write(session, item, "Two"))
    with acting(somebody(session, "quinn")):
        assert documents.copies_out(session, item.id) == copies
        documents.recall_copy(session, copies[0].id, "Destroyed")
        assert documents.copies_out(session, item.id) == copies[1:]
        with pytest.raises(RuleBroken):
            documents.recall_copy(session, copies[0].id, "Again")
        printed = session.scalars(select(DocumentView).where(DocumentView.purpose == "print")).all()
        assert len(printed) == 2


@pytest.mark.req("DOC-10", "CLI-1")
def test_the_search_finds_effective_documents_of_the_readers_scope_only(session: Session) -> None:
    with acting(somebody(session, "dora")):
        sop = session.scalars(select(DocumentType).where(DocumentType.code == "SOP")).one()
        own = documents.new_document(session, sop, "For all")
        acme = documents.new_document(session, sop, "For Acme", client_id=unit(session, "ACME").id)
        session.commit()
    for item in (own, acme):
        approve(session, write(session, item, "Use 70% isopropanol."))
    draft = write(session, own, "Use 80% isopropanol.")
    with acting(somebody(session, "quinn")):
        assert {hit.version.item.title for hit in documents.search(session, "ISOPROPANOL 70%")} == {
            "For all",
            "For Acme",
        }
        assert documents.search(session, "80%") == [], "a draft is not for use"
        assert documents.search(session, "%") != []
        assert documents.search(session, "  ") == []
    beta = frozenset({unit(session, "BETA").id}) if draft else frozenset()
    session.expunge_all()
    with acting(somebody(session, "charlie", clients=beta)):
        assert [hit.version.item.title for hit in documents.search(session, "isopropanol")] == ["For all"]


@pytest.mark.req("DOC-1")
def test_numbers_follow_one_another_and_skip_what_is_taken(session: Session) -> None:
    with acting(somebody(session, "dora")):
        sop = session.scalars(select(DocumentType).where(DocumentType.code == "SOP")).one()
        documents.new_document(session, sop, "By hand", code="SOP-0002")
        codes = [documents.new_document(session, sop, f"Title {number}").code for number in range(3)]
        assert codes == ["SOP-0001", "SOP-0003", "SOP-0004"]
        with pytest.raises(RuleBroken, match="taken"):
            documents.new_document(session, sop, "Again", code="SOP-0003")


@pytest.mark.req("DOC-5")
def test_a_new_version_starts_from_the_current_text_and_is_compared_with_it(session: Session) -> None:
    item = new_sop(session)
    approve(session, write(session, item, "Rinse three times.\nDry."))
    with acting(somebody(session, "dora")):
        draft = versions.new_version(session, item, "minor")
        assert (draft.label, draft.text) == ("2", "Rinse three times.\nDry.\n")
        versions.set_markdown(session, draft, "Rinse four times.\nDry.")
        lines = versions.changes_between(versions.former(session, draft), draft)
        assert [line.kind for line in lines] == ["changed", "same"]
        with pytest.raises(RuleBroken, match="being worked on"):
            versions.new_version(session, item)


@pytest.mark.req("DOC-2")
def test_one_version_at_a_time_waits_to_take_effect(session: Session) -> None:
    item = new_sop(session)
    approve(session, write(session, item, "One", planned_effective_at=NOW + 10 * DAY))
    second = write(session, item, "Two", planned_effective_at=NOW + 5 * DAY)
    with pytest.raises(GateClosed, match="waits to take effect"):
        approve(session, second)
