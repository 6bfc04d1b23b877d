"""The command line shows how far it is on a terminal, and Ctrl-C leaves nothing half-written (IMP-2, IMP-3)."""

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = [sys.executable, "-c", "from app.cli import main; main()"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation of its own, with nobody in it."""
    folder = tmp_path_factory.mktemp("installation")
    subprocess.run([*START, "init"], cwd=ROOT, env=surroundings(folder), check=True, capture_output=True)
    rows = "".join(f"N{number:05},Person Number{number},2024-01-01\n" for number in range(15_000))
    (folder / "people.csv").write_text("employee_no,name,hired_on\n" + rows)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    return {**os.environ, "QUALGATE_INSTANCE": str(folder), "QUALGATE_PASSWORD_HASH": "pbkdf2:sha256:1"}


def counted(folder: Path) -> tuple[int, ...]:
    with sqlite3.connect(folder / "qualgate.db") as database:
        tables = ("people", "employments", "import_runs", "audit_links")
        return tuple(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)


def heard(terminal: int, words: str | None = None, seconds: float = 60) -> str:
    """Read from the terminal until ``words`` appear, or without any until nobody writes to it any more."""
    text, ends = "", time.monotonic() + seconds
    while words is None or words not in text:
        assert time.monotonic() < ends, f"never heard {words!r} in {text!r}"
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                text += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the other end is closed
                assert words is None, f"never heard {words!r} in {text!r}"
                break
    return text


@pytest.mark.req("IMP-2")
def test_ctrl_c_while_it_writes_stops_the_command_and_writes_nothing(place: Path) -> None:
    before = counted(place)
    ours, theirs = pty.openpty()
    command = [*START, "import", "people", str(place / "people.csv"), "--commit", "--reason", "First load"]
    child = subprocess.Popen(command, cwd=ROOT, env=surroundings(place), stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    told = heard(ours, "Writing (all or nothing)")
    assert "Comparing with what is recorded" in told
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    told = heard(ours)
    assert "Stopped; nothing was written." in told
    assert child.wait(30) == 130
    assert counted(place) == before
    os.close(ours)
    verdict = subprocess.run([*START, "audit", "verify"], cwd=ROOT, env=surroundings(place), capture_output=True)
    assert verdict.returncode == 0, verdict.stdout


def test_a_workbook_shows_a_bar_on_a_terminal(place: Path) -> None:
    rows = "\n".join(f"Person Name{n};X;X;N/A" for n in range(3_000))
    (place / "matrix.csv").write_text("Employee;SOP-1 One;SOP-2 Two;SOP-3 Three\n" + rows)
    ours, theirs = pty.openpty()
    command = [*START, "import", "matrix", str(place / "matrix.csv")]
    child = subprocess.Popen(command, cwd=ROOT, env=surroundings(place), stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    told = heard(ours, "Comparing with what is recorded")
    assert re.search(r"Reading the file\s+\[.*\d+/3\d\d\d", told), told
    child.kill()
    child.wait()
    os.close(ours)


def test_beside_json_and_in_a_pipe_there_is_no_progress(place: Path) -> None:
    (place / "few.csv").write_text("employee_no,name\nN9,Nine Person\n")
    command = [*START, "import", "people", str(place / "few.csv"), "--json"]
    ours, theirs = pty.openpty()
    done = subprocess.run(command, cwd=ROOT, env=surroundings(place), stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    assert json.loads(done.stdout)["changes"]["person"] == {"add": 1}
    assert heard(ours) == ""
    plain = subprocess.run(command[:-1], cwd=ROOT, env=surroundings(place), capture_output=True)
    assert plain.stderr == b""
    os.close(ours)
