"""An exported trail verifies without the application, and every byte of it counts (AUD-3, T-b1)."""

import ast
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import verify_trail
from app.domain import chain
from app.safeguards.context import acting, current
from app.safeguards.keys import Signer
from app.services.trail_export import export
from tests.safeguards.conftest import SIGNER, ToyBox, actor, make_box
from tests.safeguards.test_verify import Story, checkpoint, story
from tests.safeguards.toys import Box, Shelf

__all__ = ["story"]
PROGRAM = Path(verify_trail.__file__)


def exported(story: Story, target: Path, client_id: int | None = None) -> Path:
    notes = checkpoint(story)
    with story.box.engine.connect() as connection:
        told = export(connection, target, current(), notes, client_id)
    assert told["links"] == 7
    return target


def check(path: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(PROGRAM), str(path), *more], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_verifier_imports_nothing_of_ours() -> None:
    for node in ast.walk(ast.parse(PROGRAM.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            assert name is not None
            assert name.split(".")[0] in {*sys.stdlib_module_names, "cryptography"}


@pytest.mark.parametrize("name", ["trail.jsonl", "trail.jsonl.gz"])
def test_an_exported_trail_is_sound(story: Story, tmp_path: Path, name: str) -> None:
    path = exported(story, tmp_path / name)
    key = tmp_path / "trail.pub"
    key.write_text(f"{SIGNER.key_id} {SIGNER.public.hex()}\n")
    status, output = check(path, "--key", str(key))
    assert status == 0, output
    assert "7 links, 19 entries" in output
    assert output.endswith("SOUND\n")


def test_a_foreign_key_does_not_pass(story: Story, tmp_path: Path) -> None:
    path = exported(story, tmp_path / "trail.jsonl")
    key = tmp_path / "other.pub"
    other = Signer.of(Ed25519PrivateKey.generate())
    key.write_text(f"{other.key_id} {other.public.hex()}\n")
    status, output = check(path, "--key", str(key))
    assert status == 1
    assert "key_unknown" in output


def test_an_export_for_a_client_tells_nothing_of_others_and_still_verifies(story: Story, tmp_path: Path) -> None:
    path = exported(story, tmp_path / "acme.jsonl", client_id=1)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [line["entry"] for line in lines if "entry" in line]
    assert {entry["client_id"] for entry in told if "action" in entry} == {1}
    assert all(set(entry) == {"tx", "n", "leaf"} for entry in told if "action" not in entry)
    assert check(path)[0] == 0


def test_nonsense_is_refused_with_one_line(tmp_path: Path) -> None:
    assert check(tmp_path / "missing.jsonl")[0] == 2
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(b"no gzip")
    status, output = check(broken)
    assert status == 2
    assert output.count("\n") == 1


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of an export, made once."""
    folder = tmp_path_factory.mktemp("export")
    with acting(actor()):
        box = make_box(f"sqlite:///{folder / 'toys.db'}")
        with box.sessions() as session:
            _tell(box, session)
            path = exported(Story(box, session), folder / "trail.jsonl")
    return path.read_text().splitlines(keepends=True)


def _tell(box: ToyBox, session: Session) -> None:
    for number in range(5):
        session.add(Shelf(name=f"s{number}", boxes=[Box(label="a"), Box(label="b")]))
        session.commit()


def findings(lines: list[str]) -> list[Any]:
    checker = verify_trail.Check({SIGNER.key_id: SIGNER.public})
    folder = Path(PROGRAM.parent / "test-results")
    folder.mkdir(exist_ok=True)
    path = folder / "mutated.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        file.writelines(lines)
    verify_trail.read(checker, str(path))
    path.unlink()
    return list(checker.findings)


def test_the_untouched_lines_are_sound(lines: list[str]) -> None:
    assert findings(lines) == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_single_changed_character_is_found(lines: list[str], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(lines) - 1))
    line = lines[number].rstrip("\n")
    place = data.draw(st.integers(0, len(line) - 1))
    instead = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != line[place]))
    changed = [*lines]
    changed[number] = line[:place] + instead + line[place + 1 :] + "\n"
    assert findings(changed)


def _resealed(lines: list[str]) -> list[str]:
    """Close the file as an attacker would who knows the format: the digest over the lines fits again."""
    body = [line for line in lines if not line.startswith('{"end"')]
    digest = verify_trail.sha("".join(body).encode()).hex()
    kinds = [next(iter(json.loads(line))) for line in body]
    end = {"links": kinds.count("link"), "entries": kinds.count("entry"), "sha256": digest}
    return [*body, json.dumps({"end": end}, separators=(",", ":")) + "\n"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_field_changed_under_a_fitting_digest_is_found(lines: list[str], data: st.DataObject) -> None:
    places = [n for n, line in enumerate(lines) if line.startswith(('{"entry"', '{"link"'))]
    number = data.draw(st.sampled_from(places))
    ((kind, value),) = json.loads(lines[number]).items()
    name = data.draw(st.sampled_from(sorted(set(value) - {"id"})))
    value[name] = data.draw(st.sampled_from(["eve", "", None, 1, "00" * 32]).filter(lambda new: new != value[name]))
    changed = [*lines]
    changed[number] = json.dumps({kind: value}) + "\n"
    assert findings(_resealed(changed))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_line_removed_repeated_or_moved_is_found(lines: list[str], data: st.DataObject) -> None:
    places = [n for n, line in enumerate(lines) if line.startswith(('{"entry"', '{"link"'))]
    first, second = data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places[:-1]))
    how = data.draw(st.sampled_from(["remove", "repeat", "swap"]))
    changed = [*lines]
    if how == "remove":
        del changed[first]
    elif how == "repeat":
        changed.insert(first, changed[first])
    elif first != second:
        changed[first], changed[second] = changed[second], changed[first]
    else:
        return
    assert findings(_resealed(changed))


def test_both_definitions_of_every_hash_agree() -> None:
    leaves = [verify_trail.sha(bytes([n % 256, n // 256])).hex() for n in range(1000)]
    for count in (*range(1, 130), 1000):
        assert chain.merkle_root(leaves[:count]) == verify_trail.root_of(leaves[:count]).hex()
    assert chain.merkle_root([]) == verify_trail.root_of([]).hex()
