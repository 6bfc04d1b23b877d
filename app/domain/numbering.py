"""How documents are numbered and versions are labeled (DOC-1)."""

import re

from app.domain.errors import RuleBroken

PLACE = re.compile(r"\{(\w+)(?::0(\d)d)?\}")
NUMBER = "number"


def code_from(pattern: str, number: int, **parts: str) -> str:
    """Return the code that ``pattern`` gives for ``number``.

    Places are ``{number}``, ``{number:04d}`` and the names in ``parts`` such as ``{type}``; nothing else is evaluated.
    Raises RuleBroken for a place that is not known, or a pattern without a number.
    """
    seen: list[str] = []

    def fill(match: re.Match[str]) -> str:
        name, digits = match.groups()
        seen.append(name)
        if name == NUMBER:
            return str(number).zfill(int(digits or 1))
        if name not in parts or digits:
            raise RuleBroken("The numbering pattern has an unknown place “%(place)s”.", field="numbering",
                             place=match.group())  # fmt: skip
        return parts[name]

    code = PLACE.sub(fill, pattern)
    if NUMBER not in seen or "{" in code or "}" in code:
        raise RuleBroken("The numbering pattern “%(pattern)s” cannot be read. It needs {number} or {number:04d}.",
                         field="numbering", pattern=pattern)  # fmt: skip
    return code


def next_label(previous: str | None, revision_class: str) -> str:
    """Return the label of the version after ``previous``: 3 → 4; 2.1 → 3.0 for a major revision, else 2.2; B → C.

    A label of no known form gets ".1" appended. Without a previous version it is 1.
    """
    if previous is None:
        return "1"
    if previous.isdecimal():
        return str(int(previous) + 1).zfill(len(previous))
    if match := re.fullmatch(r"(\d+)\.(\d+)", previous):
        major, minor = int(match[1]), int(match[2])
        return f"{major + 1}.0" if revision_class == "major" else f"{major}.{minor + 1}"
    if re.fullmatch(r"[A-Ya-y]", previous):
        return chr(ord(previous) + 1)
    return f"{previous}.1"
