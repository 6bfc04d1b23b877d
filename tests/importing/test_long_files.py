"""Files that take long: progress, giving up, a process that dies, two that want the same work (IMP-3, JOB-4)."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.domain.errors import BadInput
from app.extensions import db
from app.models.importing import ImportRun, ImportWork
from app.models.trail import AuditEntry
from app.safeguards.context import acting, system_clock
from app.services import files, importing
from app.services.importing import works
from app.services.importing.plan import Plan
from app.services.importing.working import Progress, Telling, no_telling
from app.services.matrix_import import kept
from app.services.shelf import Shelf, the_shelf
from app.views import background, import_signing
from app.views import importing as importing_view
from tests.access.test_narrow_scope import narrowed
from tests.cast import context_of
from tests.conftest import House
from tests.importing.books import workbook
from tests.importing.test_matrix_pages import ROLES

pytestmark = pytest.mark.req("IMP-3")
ROOT = Path(__file__).resolve().parents[2]


class Gate:
    """Reading that waits in the middle until a test lets it go on."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real, self.open, self.begun, self.ended = real, Event(), 0, Event()
        self.refusal: Exception | None = None

    def __call__(self, kind: str, name: str, fetch: Callable[[], bytes], progress: Progress) -> Any:
        self.begun += 1
        try:
            while not self.open.wait(0.02):
                progress("reading", 3_000, 10_000)
            if self.refusal:
                raise self.refusal
            return self.real(kind, name, fetch, progress)
        finally:
            self.ended.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Every file takes as long to read as the test wants, and pages wait for none."""
    gate = Gate(background._read)
    monkeypatch.setattr(background, "_read", gate)
    yield gate
    gate.open.set()
    eventually(lambda: not background._begun and not followers())


def followers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("qualgate-import")]


def impatient(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(house.app.config, "IMPORT_WAIT_SECONDS", 0.05)


@pytest.fixture
def cora(house: House, slow: Gate, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    impatient(house, monkeypatch)
    return house.client("cora")


def eventually(true: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < ends, "this never happened"
        time.sleep(0.05)
    return found


def upload(client: FlaskClient, data: bytes, name: str = "matrix.xlsx", kind: str = "matrix") -> int:
    """Upload a file that takes long; return the number of the import."""
    form = {"kind": kind, "file": (BytesIO(data), name)}
    answer = client.post("/import/", data=form, content_type="multipart/form-data")
    assert answer.status_code == 302, answer.get_data(as_text=True)[:2000]
    found = re.search(r"/import/progress/(\d+)", answer.headers["Location"])
    assert found, answer.headers["Location"]
    return int(found[1])


def state(client: FlaskClient, number: int) -> dict[str, Any]:
    answer = client.get(f"/import/progress/{number}.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def run_of(house: House, number: int) -> ImportRun:
    with acting(context_of()):
        house.session.rollback()
        return house.session.get_one(ImportRun, number, populate_existing=True)


def test_a_file_that_takes_long_shows_progress_and_then_leads_on(house: House, cora: FlaskClient, slow: Gate) -> None:
    number = upload(cora, workbook({"Matrix": ROLES}))
    assert run_of(house, number).state == "reading"
    told = eventually(lambda: (now := state(cora, number))["total"] and now)
    assert (told["done"], told["total"], told["text"], told["finished"]) == (3_000, 10_000, "Reading the file", False)
    page = cora.get(f"/import/progress/{number}").get_data(as_text=True)
    assert 'role="status"' in page
    assert f'data-progress="/import/progress/{number}.json' in page
    assert f'action="/import/{number}/cancel"' in page
    assert cora.get(f"/import/matrix/{number}/").headers["Location"].startswith(f"/import/progress/{number}")
    assert f"/import/progress/{number}" in cora.get("/import/").get_data(as_text=True)
    slow.open.set()
    done = eventually(lambda: (now := state(cora, number))["finished"] and now)
    assert done["url"] == f"/import/matrix/{number}/"
    assert cora.get(f"/import/progress/{number}").headers["Location"] == done["url"]
    assert "SOP-902 Cleaning" in cora.get(done["url"]).get_data(as_text=True)
    with acting(context_of()):
        assert house.session.scalar(select(func.count()).select_from(ImportWork)) == 0


def test_a_long_list_goes_the_same_way(house: House, cora: FlaskClient, slow: Gate) -> None:
    number = upload(cora, b"employee_no,name\n1001,Ana Ruiz\n", "people.csv", "people")
    assert cora.get(f"/import/list/{number}/").headers["Location"].startswith(f"/import/progress/{number}")
    slow.open.set()
    done = eventually(lambda: (now := state(cora, number))["finished"] and now)
    assert done["url"] == f"/import/list/{number}/"
    assert "Ana Ruiz" in cora.get(done["url"]).get_data(as_text=True)


def test_giving_up_stops_the_reading_within_a_moment(house: House, cora: FlaskClient, slow: Gate) -> None:
    number = upload(cora, workbook({"Matrix": ROLES}))
    assert cora.get(f"/import/{number}/cancel").status_code == 405
    assert cora.post(f"/import/{number}/cancel").status_code == 302
    assert run_of(house, number).state == "cancelled"
    assert slow.ended.wait(5), "the reading goes on"
    assert state(cora, number) | {"url": "/import/"} == state(cora, number)
    eventually(lambda: not house.session.scalar(select(func.count()).select_from(ImportWork)))
    assert run_of(house, number).state == "cancelled"


def test_a_file_refused_late_leaves_one_sentence_and_the_form_as_it_was(
    house: House, cora: FlaskClient, slow: Gate
) -> None:
    slow.refusal = BadInput("%(file)s is damaged.", file="people.xlsx")
    number = upload(cora, b"employee_no,name\n1001,Ana Ruiz\n", "people.xlsx", "people")
    slow.open.set()
    done = eventually(lambda: (now := state(cora, number))["finished"] and now)
    page = cora.get(done["url"]).get_data(as_text=True)
    assert page.count("people.xlsx is damaged.") == 1
    assert re.search(r'value="people"[^>]* checked', page)
    run = run_of(house, number)
    assert (run.state, run.signature_id) == ("failed", None)
    assert cora.get(f"/import/list/{number}/").headers["Location"] == f"/import/?failed={number}"
    assert cora.post(f"/import/list/{number}/sign", data={"password": "x"}).status_code == 422


def test_a_failure_of_ours_is_told_and_ends_the_import(house: House, cora: FlaskClient, slow: Gate) -> None:
    slow.refusal = ZeroDivisionError("a bug")
    number = upload(cora, workbook({"Matrix": ROLES}))
    slow.open.set()
    done = eventually(lambda: (now := state(cora, number))["finished"] and now)
    assert "An error in Qualgate stopped the work" in cora.get(done["url"]).get_data(as_text=True)


@pytest.mark.req("CLI-1")
def test_somebody_elses_reading_is_not_there_for_a_narrow_login(house: House, cora: FlaskClient, slow: Gate) -> None:
    number = upload(cora, workbook({"Matrix": ROLES}))
    ada = narrowed(house, "ada")
    for address in (f"/import/progress/{number}", f"/import/progress/{number}.json", f"/import/?failed={number}"):
        assert ada.get(address).status_code == 404, address
    for address in (f"/import/{number}/cancel", f"/import/progress/{number}/again"):
        assert ada.post(address).status_code == 404, address
    assert run_of(house, number).state == "reading"


# --- processes that die, processes that compete ----------------------------------------------------------------------

DYING = """
import io, sys, time
from pathlib import Path
from app import create_app
from app.views import background, import_signing
from app.views import importing as importing_view
from tests.conftest import House, settings_for

def stuck(kind, name, fetch, progress):
    while True:
        progress("reading", 1, 10)
        time.sleep(0.1)

background._read = stuck
app = create_app(settings_for(Path(sys.argv[1]), sys.argv[2]) | {"IMPORT_WAIT_SECONDS": 0.05})
client = House(app).client("cora")
form = {"kind": "matrix", "file": (io.BytesIO(Path(sys.argv[3]).read_bytes()), "matrix.xlsx")}
print(client.post("/import/", data=form, content_type="multipart/form-data").headers["Location"], flush=True)
time.sleep(600)
"""


def killed_while_reading(house: House, tmp_path: Path) -> int:
    """Upload a file in a process of its own and kill that while it reads; return the number of the import."""
    (tmp_path / "matrix.xlsx").write_bytes(workbook({"Matrix": ROLES}))
    db.session.remove()
    url = db.engine.url.render_as_string(hide_password=False)
    folder = Path(house.app.config["INSTANCE_FOLDER"])
    files.configure(folder / "files")
    command = [sys.executable, "-c", DYING, str(folder), url, str(tmp_path / "matrix.xlsx")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert child.stdout is not None
        found = re.search(r"/import/progress/(\d+)", child.stdout.readline())
        assert found, "the upload was not taken"
        number = int(found[1])
        eventually(lambda: beaten(house, number))
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    return number


def let_the_lease_end(house: House, **more: Any) -> None:
    """As if a minute had passed since the last sign of life."""
    house.session.execute(update(ImportWork).values(beat_at=system_clock() - timedelta(minutes=1), **more))
    house.session.commit()


def beaten(house: House, number: int) -> bool:
    house.session.rollback()
    work = works.find(house.session, number, background.READ)
    return work is not None and work.phase == "reading"


@pytest.mark.req("JOB-4")
def test_a_run_whose_process_was_killed_is_taken_up_by_whoever_opens_its_page(
    both_houses: House, tmp_path: Path
) -> None:
    number = killed_while_reading(both_houses, tmp_path)
    cora = both_houses.client("cora")
    assert state(cora, number)["finished"] is False, "the lease still holds"
    assert run_of(both_houses, number).state == "reading"
    let_the_lease_end(both_houses)
    done = eventually(lambda: (now := state(cora, number))["finished"] and now)
    assert "SOP-902 Cleaning" in cora.get(done["url"]).get_data(as_text=True)
    with acting(context_of()):
        entry = both_houses.session.scalars(
            select(AuditEntry).where(AuditEntry.table_name == "import_runs").order_by(AuditEntry.id.desc())
        ).first()
        assert entry is not None
        assert (entry.username, entry.on_behalf_of) == ("system", "Cora Coordinator")
    eventually(lambda: not followers())


@pytest.mark.req("JOB-4")
def test_a_starting_server_takes_up_what_a_dead_one_left(house: House, tmp_path: Path) -> None:
    number = killed_while_reading(house, tmp_path)
    background.take_up_all(house.app)
    assert run_of(house, number).state == "reading", "its lease still holds"
    let_the_lease_end(house)
    background.take_up_all(house.app)
    eventually(lambda: run_of(house, number).state == "ready")
    eventually(lambda: not followers())


def test_a_file_that_keeps_killing_its_process_is_given_up(house: House, cora: FlaskClient, slow: Gate) -> None:
    number = upload(cora, workbook({"Matrix": ROLES}))
    let_the_lease_end(house, worker="dead", tries=works.TRIES)
    told = state(cora, number)
    assert told["finished"]
    page = cora.get(told["url"]).get_data(as_text=True)
    assert "interrupted three times" in page
    assert run_of(house, number).state == "failed"


@pytest.mark.req("JOB-4")
def test_of_several_processes_exactly_one_claims_a_run(both_houses: House) -> None:
    with acting(context_of()):
        file = files.store(both_houses.session, b"a,b\n1,2\n", "a.csv")
        runs = [ImportRun(kind="people", file_id=file.id, file_name="a.csv", state="reading", username="cora",
                          started_at=system_clock(), printed_name="Cora") for _ in range(12)]  # fmt: skip
        both_houses.session.add_all(runs)
        both_houses.session.commit()
        numbers = [run.id for run in runs]
    db.session.remove()
    db.engine.dispose()
    children = [claimer(numbers, f"w{n}") for n in range(4)]
    assert sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children) == len(numbers)
    assert both_houses.session.scalar(select(func.count()).select_from(ImportWork)) == len(numbers)


def claimer(numbers: list[int], worker: str) -> int:
    """A process that claims all these runs; its exit code is how many it got."""
    child = os.fork()
    if child:
        return child
    won = 99
    try:
        with acting(context_of()):
            won = 0
            for number in numbers:
                won += works.claim(db.session(), number, background.READ, worker, system_clock())
                db.session.commit()
    finally:
        os._exit(won)


def test_a_lease_is_taken_over_only_when_it_ended_and_the_old_worker_notices(house: House) -> None:
    with acting(context_of()):
        file = files.store(house.session, b"a,b\n1,2\n", "a.csv")
        run = ImportRun(kind="people", file_id=file.id, file_name="a.csv", state="reading", username="cora",
                        started_at=system_clock(), printed_name="Cora")  # fmt: skip
        house.session.add(run)
        house.session.flush()
        now, key = system_clock(), (run.id, "read")
        assert works.claim(house.session, *key, "one", now)
        assert not works.claim(house.session, *key, "two", now + works.LEASE / 2)
        assert works.beat(house.session, *key, "one", now + works.LEASE / 2, ("reading", 1, 2))
        assert works.claim(house.session, *key, "two", now + works.LEASE * 2)
        assert not works.beat(house.session, *key, "one", now + works.LEASE * 2, ("reading", 2, 2))
        assert not works.finish(house.session, *key, "one")
        assert works.finish(house.session, *key, "two")


# --- dry runs that take long -----------------------------------------------------------------------------------------


@pytest.fixture
def slow_check(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Comparing a list waits until the test lets it go on."""
    may_go_on, real = Event(), importing_view.plan_of

    def plan_of(session: Session, run: ImportRun, telling: Telling = no_telling) -> Plan:
        telling("comparing", 0, 0)
        may_go_on.wait(20)
        return real(session, run, telling)

    monkeypatch.setattr(importing_view, "plan_of", plan_of)
    monkeypatch.setattr(importing_view, "LARGE", 0)
    return may_go_on


def test_a_dry_run_that_takes_long_is_made_behind_the_progress_page_and_shown_again(
    house: House, slow_check: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    cora = house.client("cora")
    form = {"kind": "people", "file": (BytesIO(b"employee_no,name\n1001,Ana Ruiz\n"), "people.csv")}
    page = cora.post("/import/", data=form, content_type="multipart/form-data").headers["Location"]
    impatient(house, monkeypatch)
    waiting = cora.get(page).headers["Location"]
    assert waiting.startswith("/import/progress/")
    eventually(lambda: "Comparing with what is recorded" in cora.get(waiting).get_data(as_text=True))
    slow_check.set()
    assert eventually(lambda: cora.get(waiting).headers.get("Location")) == page
    shown = cora.get(page).get_data(as_text=True)
    assert "Ana Ruiz" in shown
    assert "Compared with what was recorded at" in shown
    monkeypatch.setattr(importing_view, "plan_of", None)
    assert cora.get(page).status_code == 200, "it is not made again for a while"
    number = int(page.split("/")[3])
    assert cora.post(f"/import/progress/{number}/again").status_code == 302
    assert cora.get(page).status_code != 200, "now it is"
    eventually(lambda: not followers())


def test_a_dry_run_that_fails_says_so_and_can_be_tried_again(
    house: House, slow_check: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    cora = house.client("cora")
    form = {"kind": "people", "file": (BytesIO(b"employee_no,name\n1001,Ana Ruiz\n"), "people.csv")}
    page = cora.post("/import/", data=form, content_type="multipart/form-data").headers["Location"]
    impatient(house, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(importing, "check", lambda *_: 1 / 0)
        waiting = cora.get(page).headers["Location"]
        slow_check.set()
        told = eventually(lambda: "An error in Qualgate" in (now := cora.get(waiting).get_data(as_text=True)) and now)
    assert "Try again" in told
    again = re.search(r'action="(/import/progress/\d+/again[^"]*)"', told)
    assert again
    assert cora.post(again[1]).status_code == 302
    monkeypatch.setitem(house.app.config, "IMPORT_WAIT_SECONDS", 60)
    assert "Ana Ruiz" in cora.get(page).get_data(as_text=True)


def test_the_page_to_sign_a_long_file_says_what_happens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    cora = house.client("cora")
    form = {"kind": "people", "file": (BytesIO(b"employee_no,name\n1001,Ana Ruiz\n"), "people.csv")}
    page = cora.post("/import/", data=form, content_type="multipart/form-data").headers["Location"]
    assert "leave this page open" not in cora.get(page + "sign").get_data(as_text=True)
    monkeypatch.setattr(import_signing, "LONG", 10)
    assert "leave this page open" in cora.get(page + "sign").get_data(as_text=True)


# --- large workbooks -------------------------------------------------------------------------------------------------


def test_a_large_workbook_is_recognized_apart_and_reads_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    data = workbook({"Matrix": ROLES})
    small = kept.Source("matrix.xlsx", "0" * 64, lambda: data).recognized({}).reading
    monkeypatch.setattr(kept, "LARGE", 3)
    phases: list[str] = []
    source = kept.Source("matrix.xlsx", "1" * 64, lambda: data)
    large = source.recognized({}, lambda phase, done=0, total=0: phases.append(phase)).reading
    assert {"reading", "recognizing"} <= set(phases)
    assert [sheet.to_dict() for sheet in large.sheets] == [sheet.to_dict() for sheet in small.sheets]
    assert [list(sheet.facts()) for sheet in large.sheets] == [list(sheet.facts()) for sheet in small.sheets]
    assert [list(sheet.places()) for sheet in large.sheets] == [list(sheet.places()) for sheet in small.sheets]
    assert source.at_hand({}) is not None
    assert source.at_hand({"Matrix": {"legend": {"X": "held"}}}) is None


def test_what_was_changed_on_disk_counts_as_absent(house: House) -> None:
    source = kept.Source("matrix.xlsx", "2" * 64, lambda: workbook({"Matrix": ROLES}))
    source.grids()
    assert source.at_hand({}) is not None
    shelf = the_shelf()
    assert shelf is not None
    (entry,) = shelf.folder.glob("2" * 64 + "*")
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)
    assert source.at_hand({}) is None


def test_the_shelf_makes_room_for_what_is_new(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, b"key", 2_500)
    for number in range(4):
        shelf.put(f"entry{number}", lambda path: path.write_bytes(b"x" * 1_000))
        os.utime(tmp_path / f"entry{number}", (number, number))
    shelf.put("last", lambda path: path.write_bytes(b"x" * 1_000))
    assert shelf.get("last") is not None
    assert shelf.get("entry0") is None
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2_500
