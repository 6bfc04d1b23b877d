"""A shell: runs ``qualgate`` commands in the test's own installation."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.conftest import House

Shell = Callable[..., Result]


@pytest.fixture
def shell(house: House, tmp_path: Path) -> Shell:
    """Run a command in the house; ``files`` (name → text) are written to the folder it runs in first."""

    def run(*arguments: str, files: dict[str, str | bytes] | None = None, env: dict[str, str] | None = None) -> Result:
        for name, content in (files or {}).items():
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(data)
        known = set(files or {}) | {path.name for path in tmp_path.iterdir()}
        full: Sequence[str] = [str(tmp_path / word) if word in known else word for word in arguments]
        return CliRunner().invoke(main, full, env=env or {})

    return run
