"""Scheduled work happens once, whoever else is running, and nothing is lost by a bad night (JOB-1 to JOB-4, DOC-7)."""

import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.domain.notices import reminds, starts_within
from app.domain.text import Phrase
from app.extensions import db
from app.jobs import mail, runner, table
from app.jobs.schedule import Daily, Every
from app.jobs.table import JOBS, Job
from app.models.documents import Version
from app.models.jobs import JobRun, OutboxMail
from app.models.matrix import Assignment
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from app.services import files, jobs, notifications, wording
from tests.acts import person, somebody
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.records.test_documents import DAY, OPERATORS, approve, new_sop, write

pytestmark = pytest.mark.req("JOB-1")


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> None:
    files.configure(tmp_path / "files")


@pytest.fixture
def session(both_houses: House) -> Iterator[Session]:
    with acting(context_of()):
        yield both_houses.session


def at(instant: datetime) -> Callable[[], datetime]:
    return lambda: instant


def named(*names: str) -> list[Job]:
    return [job for job in JOBS if job.name in names]


SETTINGS = {"TIME_ZONE": "Europe/Berlin"}


# --- slots -----------------------------------------------------------------------------------------------------------

instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])


@pytest.mark.req("JOB-4")
@given(instants, zones, st.times())
def test_a_daily_turn_has_begun_and_is_the_last_one(now: datetime, zone: str, hour: time) -> None:
    slot = Daily(hour).slot(now, zone)
    assert slot.begins <= now
    following = Daily(hour).slot(slot.begins + timedelta(hours=26), zone)
    assert following.name > slot.name
    assert following.begins > now - timedelta(hours=2)


@pytest.mark.req("JOB-4")
@given(instants, st.sampled_from([1, 15, 60]))
def test_a_turn_every_few_minutes_holds_the_instant(now: datetime, minutes: int) -> None:
    slot = Every(minutes).slot(now, "UTC")
    assert slot.begins <= now < slot.begins + timedelta(minutes=minutes)
    assert Every(minutes).slot(slot.begins, "UTC") == slot


# --- once ------------------------------------------------------------------------------------------------------------


@pytest.mark.req("DOC-7", "JOB-4")
def test_the_job_makes_a_version_effective_on_its_day_and_leaves_no_row_before(session: Session) -> None:
    item = new_sop(session)
    version = write(session, item, "Text", planned_effective_at=NOW + 3 * DAY)
    approve(session, version)
    table_rows = named("effective-dates")
    assert runner.tick(session, SETTINGS, table_rows, at(NOW + 2 * DAY)) == []
    (outcome,) = runner.tick(session, SETTINGS, table_rows, at(NOW + 3 * DAY))
    assert (outcome.state, "SOP-0001 v1" in outcome.result) == ("done", True)
    assert session.get_one(Version, version.id).state == "effective"
    assert runner.tick(session, SETTINGS, table_rows, at(NOW + 4 * DAY)) == []
    assert session.scalar(select(func.count()).select_from(JobRun)) == 1


@pytest.mark.req("JOB-4", "MTX-8")
def test_a_night_that_was_missed_is_caught_up_once(session: Session) -> None:
    table_rows = named("reconcile")
    assert len(runner.tick(session, SETTINGS, table_rows, at(NOW))) == 1
    assert runner.tick(session, SETTINGS, table_rows, at(NOW + timedelta(hours=1))) == []
    assert len(runner.tick(session, SETTINGS, table_rows, at(NOW + 3 * DAY))) == 1, "three nights off are one run"
    assert runner.tick(session, SETTINGS, table_rows, at(NOW + 3 * DAY)) == []


@pytest.mark.req("JOB-4")
def test_two_schedulers_at_once_do_each_job_once(both_houses: House) -> None:
    done: list[str] = []
    start = Barrier(3)

    def work(session: Session, turn: Any) -> str:
        done.append(turn.now.isoformat())
        return "done"

    job = Job("test", Phrase("A test"), Every(1), work)

    def scheduler(_: int) -> int:
        with both_houses.app.app_context():
            start.wait()
            outcomes = [
                outcome
                for minute in range(6)
                for outcome in runner.tick(db.session(), SETTINGS, [job], at(NOW + timedelta(minutes=minute)))
            ]
            db.session.remove()
            return len(outcomes)

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(scheduler, range(3)))
    assert sum(counts) == 6
    with acting(context_of()):
        slots = both_houses.session.scalars(select(JobRun.slot).where(JobRun.state == "done")).all()
    assert len(slots) == len(set(slots)) == 6


@pytest.mark.req("JOB-4")
def test_a_job_that_fails_undoes_its_work_is_recorded_and_tried_again(session: Session) -> None:
    fails = [True]

    def work(inner: Session, turn: Any) -> str:
        notifications.write(inner, "a@example.com", Phrase("Hello"), Phrase("Body"))
        if fails:
            raise ValueError("no luck")
        return "well"

    job = Job("test", Phrase("A test"), Daily(time(1, 0)), work)
    other = Job("other", Phrase("Another"), Daily(time(1, 0)), lambda *_: "fine")
    outcomes = runner.tick(session, SETTINGS, [job, other], at(NOW))
    assert [(one.job, one.state) for one in outcomes] == [("test", "failed"), ("other", "done")]
    assert session.scalar(select(func.count()).select_from(OutboxMail)) == 0
    assert runner.tick(session, SETTINGS, [job], at(NOW + timedelta(minutes=1))) == [], "not at once again"
    fails.clear()
    (outcome,) = runner.tick(session, SETTINGS, [job], at(NOW + timedelta(minutes=6)))
    assert (outcome.state, outcome.result) == ("done", "well")
    runs = session.scalars(select(JobRun).where(JobRun.job == "test").order_by(JobRun.id)).all()
    assert [(run.state, run.result) for run in runs] == [("failed", "ValueError: no luck"), ("done", "well")]


def test_every_job_of_the_table_runs_on_an_empty_and_on_a_used_house(session: Session, both_houses: House) -> None:
    settings = both_houses.app.config
    first = {one.job: one.state for one in runner.tick(session, settings, table.JOBS, at(NOW))}
    assert set(first.values()) == {"done"}, first
    approve(session, write(session, new_sop(session), "Text"))
    second = runner.tick(session, settings, table.JOBS, at(NOW + 40 * DAY))
    assert {one.state for one in second} == {"done"}, second
    assert {"reconcile", "verify-trail", "reminders", "digests"} <= {one.job for one in second}


@pytest.mark.req("AUD-3", "JOB-1")
def test_a_row_changed_behind_our_back_fails_the_nightly_check_and_alarms(house: House) -> None:
    session = house.session
    with acting(context_of()):
        raw = session.connection().connection.driver_connection
        assert raw is not None
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f'DROP TRIGGER "{name}"')
        raw.execute("UPDATE people SET name = 'Mallory' WHERE employee_no = 'E008'")
        session.rollback()
        (outcome,) = runner.tick(session, house.app.config, named("verify-trail"), at(NOW))
        assert outcome.state == "failed"
        mails = session.scalars(select(OutboxMail)).all()
        assert {one.to for one in mails} == {"ada@example.com", "quinn@example.com"}


def test_a_job_runs_when_somebody_asks_for_it_once_and_on_behalf_of_who_asked(session: Session) -> None:
    runner.tick(session, SETTINGS, named("reconcile"), at(NOW))
    with acting(somebody(session, "ada")):
        assert jobs.ask_for(session, ["reconcile"]) == 1
        assert jobs.ask_for(session, ["reconcile"]) == 0, "asked for already"
        session.commit()
    (outcome,) = runner.tick(session, SETTINGS, named("reconcile"), at(NOW + timedelta(minutes=1)))
    assert (outcome.state, outcome.slot.startswith("by hand")) == ("done", True)
    assert runner.tick(session, SETTINGS, named("reconcile"), at(NOW + timedelta(minutes=2))) == []
    entry = session.scalars(select(AuditEntry).where(AuditEntry.source == "job:reconcile")).all()[-1]
    assert (entry.username, entry.on_behalf_of) == ("system", "Ada Admin")


def test_an_asked_for_run_that_fails_says_so_and_is_not_tried_again(session: Session) -> None:
    def work(inner: Session, turn: Any) -> str:
        raise ValueError("no luck")

    job = Job("test", Phrase("A test"), Daily(time(23, 59)), work, ready=lambda *_: False)
    with acting(somebody(session, "ada")):
        jobs.ask_for(session, ["test"])
        session.commit()
    (outcome,) = runner.tick(session, SETTINGS, [job], at(NOW))
    assert (outcome.state, outcome.result) == ("failed", "ValueError: no luck")
    assert runner.tick(session, SETTINGS, [job], at(NOW + timedelta(hours=1))) == []
    assert [run.state for run in session.scalars(select(JobRun))] == ["failed"]


# --- reminders and digests -------------------------------------------------------------------------------------------


@pytest.mark.req("JOB-2")
@pytest.mark.parametrize(
    ("days_left", "reminded"), [(14, False), (8, False), (7, True), (2, False), (1, True), (0, True), (-1, True),
                                (-2, False), (-8, True), (-9, False), (-15, True)],
)  # fmt: skip
def test_people_are_reminded_before_the_day_on_it_and_weekly_after(days_left: int, reminded: bool) -> None:
    today = date(2026, 3, 10)
    due = today + timedelta(days=days_left)
    assert reminds(due, today - timedelta(days=1), today) == reminded


@given(st.integers(-40, 40), st.integers(1, 20))
def test_days_off_lose_no_reminder_and_repeat_none(days_left: int, gap: int) -> None:
    today = date(2026, 3, 10)
    due = today + timedelta(days=days_left)
    each_day = [reminds(due, today - timedelta(days=k + 1), today - timedelta(days=k)) for k in range(gap)]
    assert reminds(due, today - timedelta(days=gap), today) == any(each_day)
    assert not reminds(due, today, today), "run twice on one day, reminded once"


@given(instants, zones, st.times(), st.integers(1, 96))
def test_a_shift_start_falls_into_exactly_one_of_two_neighboring_turns(
    now: datetime, zone: str, start: time, steps: int
) -> None:
    place = ZoneInfo(zone)
    middle, end = now + timedelta(minutes=15 * steps), now + timedelta(minutes=30 * steps)
    whole = starts_within(start, now.astimezone(place), end.astimezone(place))
    halves = [
        starts_within(start, now.astimezone(place), middle.astimezone(place)),
        starts_within(start, middle.astimezone(place), end.astimezone(place)),
    ]
    assert whole == any(halves)


@pytest.mark.req("JOB-2", "UX-2")
def test_reminders_go_to_people_and_one_digest_to_the_supervisor(session: Session) -> None:
    approve(session, write(session, new_sop(session), "Text"))
    approve(session, write(session, new_sop(session, "Second"), "Text"))
    with acting(somebody(session, "cora")):
        due = session.scalars(select(Assignment.due_on)).first()
        assert due is not None
        session.rollback()
    before = session.scalar(select(func.max(OutboxMail.id))) or 0
    runner.tick(session, SETTINGS, named("reminders"), at(datetime.combine(due, time(9), UTC) - 2 * DAY))
    session.commit()
    runner.tick(session, SETTINGS, named("reminders", "digests"), at(datetime.combine(due, time(9), UTC) + 1 * DAY))
    new = session.scalars(select(OutboxMail).where(OutboxMail.id > before).order_by(OutboxMail.id)).all()
    by_address = {one.to: one for one in new}
    assert set(by_address) == {"charlie@example.com", "tess@example.com", "tom@example.com", "sue@example.com"}
    assert by_address["tom@example.com"].subject == "Overdue training: 2 items"
    digest = by_address["sue@example.com"]
    assert digest.subject.startswith("Your team: 8 overdue")
    assert all(name in digest.body for name in OPERATORS), "Nora has no address, but a supervisor"
    assert sum(one.to == "sue@example.com" for one in new) == 1


# --- mail ------------------------------------------------------------------------------------------------------------


def waiting(session: Session, count: int = 1) -> None:
    for number in range(count):
        notifications.write(session, f"p{number}@example.com", Phrase("Hello\r\nBcc: x@example.com"), Phrase("Text"))
    session.commit()


@pytest.mark.req("JOB-3")
def test_a_dead_mail_server_loses_nothing_and_each_mail_goes_out_once(session: Session) -> None:
    waiting(session, 2)
    sent: list[int] = []
    alive: list[bool] = []

    def server(letter: OutboxMail) -> None:
        if not alive:
            raise ConnectionRefusedError("nobody home")
        sent.append(letter.id)

    assert mail.send_waiting(session, server, at(NOW)) == 0
    letters = session.scalars(select(OutboxMail)).all()
    assert {(one.state, one.tries) for one in letters} == {("waiting", 1)}
    assert "nobody home" in (letters[0].last_error or "")
    alive.append(True)
    assert mail.send_waiting(session, server, at(NOW)) == 0, "not before the pause is over"
    assert mail.send_waiting(session, server, at(NOW + timedelta(minutes=2))) == 2
    assert mail.send_waiting(session, server, at(NOW + 10 * DAY)) == 0
    assert len(sent) == len(set(sent)) == 2


@pytest.mark.req("JOB-3")
def test_a_mail_that_never_goes_out_is_given_up_visibly(session: Session) -> None:
    waiting(session)

    def server(letter: OutboxMail) -> None:
        raise smtplib.SMTPRecipientsRefused({})

    for number in range(mail.MAX_TRIES + 3):
        mail.send_waiting(session, server, at(NOW + number * DAY))
    letter = session.scalars(select(OutboxMail)).one()
    assert (letter.state, letter.tries) == ("dead", mail.MAX_TRIES)


@pytest.mark.req("JOB-3")
def test_while_one_sender_has_a_mail_another_leaves_it_and_a_dead_one_is_followed(session: Session) -> None:
    waiting(session)
    seen: list[int] = []

    def dies(letter: OutboxMail) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mail.send_waiting(session, dies, at(NOW))
    session.rollback()
    assert mail.send_waiting(session, lambda letter: seen.append(letter.id), at(NOW + timedelta(minutes=1))) == 0
    assert mail.send_waiting(session, lambda letter: seen.append(letter.id), at(NOW + timedelta(minutes=6))) == 1


@pytest.mark.req("JOB-3", "SEC-3")
def test_the_message_keeps_its_id_and_carries_no_smuggled_header(session: Session) -> None:
    waiting(session)
    letter = session.scalars(select(OutboxMail)).one()
    first, again = (mail.as_message(letter, "qms@example.com", "https://qms.example.com") for _ in range(2))
    assert isinstance(first, EmailMessage)
    assert first["Message-ID"] == again["Message-ID"]
    assert first["Bcc"] is None
    assert first["Subject"] == "Hello Bcc: x@example.com"


@pytest.mark.req("JOB-3")
def test_pauses_grow_and_end_at_six_hours() -> None:
    pauses = [mail.pause_after(tries) for tries in range(1, 30)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(hours=6))


def test_without_a_mail_server_everything_keeps_waiting(session: Session, both_houses: House) -> None:
    waiting(session)
    assert mail.smtp_sender({**both_houses.app.config, "MAIL_HOST": ""}) is None
    assert mail.send_waiting(session, None) == 0
    assert person(session, "tom").email
    assert session.execute(text("SELECT state FROM outbox")).scalar() == "waiting"


@pytest.mark.req("JOB-2", "UX-3")
def test_mail_comes_in_the_readers_language(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    catalog = Catalog(locale="es")
    catalog.add("New training: %(what)s", "Formación nueva: %(what)s")
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(wording, "FOLDER", tmp_path)
    wording.translator.cache_clear()
    with acting(somebody(session, "cora")):
        person(session, "tess").languages = "es-MX;en"
        session.commit()
    approve(session, write(session, new_sop(session), "Text"))
    subjects = {one.to: one.subject for one in session.scalars(select(OutboxMail))}
    assert subjects["tess@example.com"] == "Formación nueva: SOP-0001"
    assert subjects["tom@example.com"] == "New training: SOP-0001"
    wording.translator.cache_clear()
