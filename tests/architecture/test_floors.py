"""The house keeps its shape: imports only point down, and nothing goes round the safeguards."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app"
FLOORS = {
    "domain": {"domain"},
    "models": {"domain", "models"},
    "safeguards": {"domain", "models", "safeguards"},
    "services": {"domain", "models", "safeguards", "services"},
    "reports": {"domain", "models", "safeguards", "services", "reports"},
    "jobs": {"domain", "models", "safeguards", "services", "reports", "jobs", "extensions"},
    "views": {"domain", "models", "safeguards", "services", "reports", "views", "extensions"},
}
"""What each floor may import of ours. Reports and views read who is acting from ``safeguards.context``."""

WITHOUT_FLASK = {"domain", "safeguards", "services", "reports", "jobs"}
ONLY_LABELS = {"flask_babel.lazy_gettext", "flask_appbuilder.Model"}
BULK = {"bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"}
CLOCK = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}


def modules() -> list[Path]:
    return sorted(path for path in APP.rglob("*.py") if "migrations" not in path.parts)


def floor(path: Path) -> str:
    return path.relative_to(APP).parts[0]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            yield (owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", ""), node.func.attr)


def name_of(path: Path) -> str:
    return str(path.relative_to(APP))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_only_point_down(path: Path) -> None:
    allowed = FLOORS.get(floor(path))
    if allowed is None:
        return
    for name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] == "app" and len(parts) > 1:
            assert parts[1] in allowed, f"{name_of(path)} may not import {name}"


@pytest.mark.parametrize("path", [path for path in modules() if floor(path) == "domain"], ids=name_of)
def test_rules_use_the_standard_library_alone_and_never_read_the_clock(path: Path) -> None:
    tree = ast.parse(path.read_text())
    foreign = {name.split(".")[0] for name in imported(tree)} - sys.stdlib_module_names - {"app"}
    assert not foreign, f"{name_of(path)} may not import {foreign}"
    assert not set(calls(tree)) & CLOCK


@pytest.mark.parametrize("path", [path for path in modules() if floor(path) in WITHOUT_FLASK], ids=name_of)
def test_what_lies_below_the_pages_knows_no_browser(path: Path) -> None:
    for name in imported(ast.parse(path.read_text())):
        if name.split(".")[0] in {"flask", "flask_appbuilder", "flask_babel", "flask_login", "flask_wtf"}:
            security = name.startswith("flask_appbuilder.security.sqla.models")
            assert name in ONLY_LABELS or security, f"{name_of(path)} may not import {name}"


@pytest.mark.parametrize("path", [path for path in modules() if floor(path) == "models"], ids=name_of)
def test_records_know_no_request_and_no_session(path: Path) -> None:
    forbidden = ("flask.", "sqlalchemy.orm.Session", "flask_login")
    for name in imported(ast.parse(path.read_text())):
        assert not name.startswith(forbidden), f"{name_of(path)} may not import {name}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_import_hides_inside_a_function(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden = [inner for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
            assert not hidden, f"{name_of(path)}: {node.name} imports inside itself"


@pytest.mark.parametrize("path", [p for p in modules() if floor(p) in {"services", "reports"}], ids=name_of)
def test_services_never_commit(path: Path) -> None:
    assert not {owner for owner, name in calls(ast.parse(path.read_text())) if name == "commit" and "session" in owner}


@pytest.mark.parametrize("path", [p for p in modules() if floor(p) not in {"safeguards"}], ids=name_of)
def test_only_the_safeguards_write_in_bulk(path: Path) -> None:
    used = {name for _, name in calls(ast.parse(path.read_text()))}
    assert not used & BULK, f"{name_of(path)} goes round the trail"


@pytest.mark.parametrize(
    "path", [p for p in modules() if floor(p) != "safeguards" and not p.stem.startswith("trail")], ids=name_of
)
def test_only_the_safeguards_and_the_verifier_speak_raw_sql(path: Path) -> None:
    """Statements in text and bare connections would pass by the scope and the trail (models: conditions of indexes)."""
    tree = ast.parse(path.read_text())
    assert "sqlalchemy.text" not in set(imported(tree)) or floor(path) == "models"
    raw = {f"{owner}.{name}" for owner, name in calls(tree) if name in {"exec_driver_sql", "connection", "cursor"}}
    assert not raw, f"{name_of(path)} uses {raw}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_functions_stay_short_and_modules_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400, f"{name_of(path)} has more than 400 lines: split it by noun"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{name_of(path)}: {node.name} has {length} lines"
