"""Every icon that a page or a menu names is in the sprite that the pages load."""

import re
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
IN_PYTHON = re.compile(r"""\bicon\s*(?::\s*[^=\n]+)?=\s*["']([a-z0-9-]+)["']""")
IN_TEMPLATES = re.compile(r"""\bicon\('([a-z0-9-]+)'""")


def listed() -> set[str]:
    lines = (APP / "static" / "icons.txt").read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def test_every_icon_that_is_named_is_in_the_list_that_the_sprite_is_made_of() -> None:
    named: dict[str, Path] = {}
    for path in (APP / "views").rglob("*.py"):
        named |= dict.fromkeys(IN_PYTHON.findall(path.read_text(encoding="utf-8")), path)
    for path in (APP / "templates").rglob("*.html"):
        named |= dict.fromkeys(IN_TEMPLATES.findall(path.read_text(encoding="utf-8")), path)
    assert len(named) > 50, "the patterns find no icons any more"
    missing = {name: str(path) for name, path in named.items() if name not in listed()}
    assert not missing, f"add these to app/static/icons.txt and run `python -m app.assets`: {missing}"
