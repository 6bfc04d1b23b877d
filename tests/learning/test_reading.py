"""Read and understood: what changed, the time in view, the signature, the next thing to do (LRN-1, DOC-5, UX-1)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotAllowed, NotFound, RuleBroken
from app.models.documents import Version
from app.models.learning import ReadingSession
from app.models.matrix import Assignment, Completion
from app.safeguards.context import acting
from app.services import compliance, effective, files, home, learning, signing, versions
from tests.acts import person, sign, somebody
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.records.test_documents import DAY, approve, new_sop, open_for, write

pytestmark = pytest.mark.req("LRN-1")


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> None:
    files.configure(tmp_path / "files")


@pytest.fixture
def session(both_houses: House) -> Iterator[Session]:
    with acting(context_of()):
        yield both_houses.session


def reads(session: Session, username: str, version: Version, at: datetime = NOW) -> Completion:
    """Somebody reads and signs."""
    with acting(somebody(session, username, at)):
        completion = learning.complete_reading(session, version, sign(session, version, "read", username))
        session.commit()
    return completion


def status(session: Session, username: str, item_id: int, at: datetime) -> str:
    with acting(somebody(session, "quinn", at)):
        rows = compliance.evaluate(session, at=at, people=[person(session, username).id], items=[item_id])
        return rows[0].status if rows else "not_required"


@pytest.mark.req("DOC-7", "MTX-8")
def test_signing_makes_the_completion_closes_the_assignment_and_makes_qualified(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Rinse three times.")
    approve(session, version)
    assert status(session, "tom", item.id, NOW) == "assigned"
    completion = reads(session, "tom", version, NOW + DAY)
    assert (completion.version_id, completion.result, completion.method) == (version.id, "passed", "read")
    assert completion.language == "en"
    assert status(session, "tom", item.id, NOW + DAY) == "qualified"
    assert "Tom Trainee" not in open_for(session, item)
    closed = session.scalars(select(Assignment).where(Assignment.state == "completed")).one()
    assert closed.completion_id == completion.id


@pytest.mark.req("21CFR11.70", "SIG-1")
def test_the_signature_binds_reader_content_and_what_was_shown_as_changed(session: Session) -> None:
    item = new_sop(session)
    first = write(session, item, "Rinse three times.")
    approve(session, first)
    reads(session, "tom", first)
    second = write(session, item, "Rinse four times.", NOW + DAY)
    approve(session, second, NOW + DAY)
    with acting(somebody(session, "tom", NOW + DAY)):
        lesson = learning.lesson(session, second.id)
        assert lesson.compared_with == first
        assert [line.kind for line in lesson.changes] == ["changed"]
        signature = sign(session, second, "read", "tom")
    assert '"changes_shown_since":"1"' in signature.shown
    assert '"employee_no":"E008"' in signature.shown
    assert second.file.sha256 in signature.shown  # type: ignore[union-attr]


@pytest.mark.req("LRN-1")
def test_the_diff_is_against_the_version_that_this_person_knows(session: Session) -> None:
    item = new_sop(session)
    first = write(session, item, "One.")
    approve(session, first)
    reads(session, "tom", first)
    for number, text in ((1, "Two."), (2, "Three.")):
        approve(session, write(session, item, text, NOW + number * DAY), NOW + number * DAY)
    newest = session.scalars(select(Version).where(Version.state == "effective")).one()
    with acting(somebody(session, "tom", NOW + 3 * DAY)):
        assert learning.lesson(session, newest.id).compared_with == first
    with acting(somebody(session, "tess", NOW + 3 * DAY)):
        assert learning.lesson(session, newest.id).compared_with is None, "who was never trained reads the whole"


def test_the_same_signature_is_one_completion(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    approve(session, version)
    with acting(somebody(session, "tom")):
        signature = sign(session, version, "read", "tom")
        first = learning.complete_reading(session, version, signature)
        assert learning.complete_reading(session, version, signature).id == first.id
        assert len(session.scalars(select(Completion)).all()) == 1


def test_nobody_completes_training_with_somebody_elses_or_another_signature(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    approve(session, version)
    other = write(session, new_sop(session, "Other"), "Text")
    approve(session, other)
    with acting(somebody(session, "tom")):
        signature = sign(session, version, "read", "tom")
        with pytest.raises(NotAllowed):
            learning.complete_reading(session, other, signature)
    with acting(somebody(session, "tess")), pytest.raises(NotAllowed):
        learning.complete_reading(session, version, signature)


def test_drafts_and_versions_out_of_force_are_not_trained(session: Session) -> None:
    item = new_sop(session)
    first = write(session, item, "One")
    approve(session, first)
    with acting(somebody(session, "tom")):
        signature = sign(session, first, "read", "tom")
        session.commit()
    approve(session, write(session, item, "Two", NOW + DAY), NOW + DAY)
    with acting(somebody(session, "tom", NOW + DAY)), pytest.raises(RuleBroken, match="not open for training"):
        learning.complete_reading(session, first, signature)


@pytest.mark.req("DOC-4")
def test_reading_alone_does_not_prove_on_the_job_training(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Text", verdicts={"OPERATOR": ("ojt", "New machine")})
    approve(session, version)
    with acting(somebody(session, "tom")), pytest.raises(RuleBroken, match="trainer"):
        learning.complete_reading(session, version, sign(session, version, "read", "tom"))


@pytest.mark.req("DOC-7")
def test_training_before_the_effective_date_counts_from_that_date(session: Session) -> None:
    item = new_sop(session)
    approve(session, write(session, item, "One"))
    first = session.scalars(select(Version).where(Version.state == "effective")).one()
    reads(session, "tom", first)
    second = write(session, item, "Two", NOW + DAY, planned_effective_at=NOW + 10 * DAY)
    approve(session, second, NOW + DAY)
    assert status(session, "tom", item.id, NOW + 2 * DAY) == "due_soon"
    reads(session, "tom", second, NOW + 2 * DAY)
    assert "Tom Trainee" not in open_for(session, item), "nothing is left to do"
    with acting(somebody(session, "tom", NOW + 10 * DAY)):
        effective.apply_due(session)
        session.commit()
    assert status(session, "tom", item.id, NOW + 10 * DAY) == "qualified"
    assert status(session, "tess", item.id, NOW + 30 * DAY) == "overdue"


# --- time in view ----------------------------------------------------------------------------------------------------


def test_time_is_counted_by_the_servers_clock_and_no_faster(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    approve(session, version)

    def beat(seconds: int, reported: int) -> int:
        with acting(somebody(session, "tom", NOW + timedelta(seconds=seconds))):
            return learning.heartbeat(session, reading.id, reported)

    with acting(somebody(session, "tom")):
        reading = learning.open_reading(session, version)
        session.commit()
    assert beat(20, 20) == 20
    assert beat(40, 500) == 40, "reported more than passed"
    assert beat(60, 5) == 45, "looked away meanwhile"
    assert beat(3660, 3600) == 105, "left open over lunch"
    assert beat(3660, -99) == 105
    assert beat(3000, 10) == 105, "a clock set back"
    session.commit()
    assert reads(session, "tom", version, NOW + timedelta(hours=2)).seconds_spent == 105


def test_a_reading_goes_on_after_a_break_and_begins_anew_after_training(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    approve(session, version)
    with acting(somebody(session, "tom")):
        first = learning.open_reading(session, version)
    with acting(somebody(session, "tom", NOW + timedelta(hours=1))):
        assert learning.open_reading(session, version).id == first.id
        learning.complete_reading(session, version, sign(session, version, "read", "tom"))
        session.commit()
    with acting(somebody(session, "tom", NOW + timedelta(hours=2))):
        assert learning.open_reading(session, version).id != first.id
    assert len(session.scalars(select(ReadingSession)).all()) == 2


def test_nobody_counts_time_for_somebody_else(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    approve(session, version)
    with acting(somebody(session, "tom")):
        reading = learning.open_reading(session, version)
    with acting(somebody(session, "tess")), pytest.raises(NotFound):
        learning.heartbeat(session, reading.id, 10)


# --- my page and my team ---------------------------------------------------------------------------------------------


@pytest.mark.req("UX-1")
def test_my_page_lists_overdue_first_and_what_is_far_away_as_coming(session: Session) -> None:
    late, soon = new_sop(session, "Late"), new_sop(session, "Soon")
    approve(session, write(session, late, "Text"))
    approve(session, write(session, soon, "Text", NOW + 10 * DAY), NOW + 10 * DAY)
    with acting(somebody(session, "tom", NOW + 16 * DAY)):
        day = home.my_day(session, person(session, "tom"))
    assert [task.item.title for task in day.todo] == ["Late", "Soon"]
    assert [task.status for task in day.todo] == ["overdue", "assigned"]
    assert (day.late, day.coming, day.in_order) == (1, (), 0)


@pytest.mark.req("UX-1")
def test_my_page_names_drafts_reviews_and_approvals_that_wait_for_me(session: Session) -> None:
    version = write(session, new_sop(session), "Text")
    draft_item = new_sop(session, "Draft")
    with acting(somebody(session, "dora")):
        versions.new_version(session, draft_item)
        session.commit()
        assert [(task.kind, task.item.title) for task in home.my_day(session, person(session, "dora")).todo] == [
            ("draft", "Draft")
        ]
    with acting(somebody(session, "quinn")):
        assert [task.version for task in home.my_day(session, person(session, "quinn")).todo] == [version]
    with acting(somebody(session, "tom")):
        assert home.my_day(session, person(session, "tom")).todo == ()


@pytest.mark.req("UX-2")
def test_the_team_shows_everybody_below_with_reasons_those_out_of_date_first(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Text")
    approve(session, version)
    reads(session, "tess", version)
    with acting(somebody(session, "sue", NOW + 20 * DAY)):
        team = home.team_of(session, person(session, "sue"))
    names = [member.person.name for member in team]
    assert set(names) == {"Tom Trainee", "Tess Trainee", "Charlie Outside", "Nora Nologin", "Ivan Instructor"}
    by_name = {member.person.name: member for member in team}
    assert by_name["Tom Trainee"].late == 1
    (problem,) = by_name["Tom Trainee"].problems
    assert (problem.status, problem.item) == ("overdue", item.code)
    assert "Operator" in str(problem.explanation)
    assert by_name["Tess Trainee"].problems == ()
    assert names.index("Tom Trainee") < names.index("Tess Trainee")


@pytest.mark.req("UX-2")
def test_a_loop_among_supervisors_ends(session: Session) -> None:
    with acting(somebody(session, "cora")):
        person(session, "sue").supervisor_id = person(session, "tom").id
        session.commit()
        names = {one.name for one in home.reports_of(session, person(session, "sue"))}
    assert "Tom Trainee" in names
    assert "Sue Supervisor" not in names


def test_a_challenge_for_reading_is_not_good_for_approving(session: Session) -> None:
    version = write(session, new_sop(session), "Text", planned_effective_at=NOW + DAY)
    approve(session, version)
    with acting(somebody(session, "quinn")):
        page = signing.open_challenge(session, version, "read")
        assert page.shown["meaning"] == "read_and_understood"
        with pytest.raises(RuleBroken):
            signing.open_challenge(session, version, "take_effect")
