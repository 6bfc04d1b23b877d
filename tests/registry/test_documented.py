"""What a person can set is explained: every setting of config.py and of the settings page (docs/settings.md)."""

import ast
import re
from pathlib import Path

import pytest

from app.domain import permissions
from app.services.configuration import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def names() -> list[str]:
    tree = ast.parse((ROOT / "config.py").read_text(encoding="utf-8"))
    return [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper() and target.id != "HERE" and target.id[0] != "_"
    ]


def variables() -> list[str]:
    return sorted(set(re.findall(r"QUALGATE_[A-Z_]+", (ROOT / "config.py").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("name", names())
def test_every_setting_of_the_configuration_is_explained(name: str) -> None:
    assert f"`{name}`" in DOCUMENT


@pytest.mark.parametrize("name", variables())
def test_every_environment_variable_is_explained(name: str) -> None:
    assert f"`{name}`" in DOCUMENT


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_of_the_settings_page_is_explained(key: str) -> None:
    assert f"`{key}`" in DOCUMENT


def test_nothing_is_explained_that_is_not_there() -> None:
    told = set(re.findall(r"`(QUALGATE_[A-Z_]+)`", DOCUMENT))
    assert told <= set(variables())


def test_the_table_of_permissions_in_the_documents_is_the_one_in_force() -> None:
    document = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    assert permissions.TABLE.strip() in document
