"""Finds the people, job functions and items of a file among those that exist: exactly, normalized, then by likeness.

Nothing ambiguous is resolved silently: likeness only suggests, and two equally good finds are a question (IMP-2).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz, process
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.importing.vocabulary import normal, words_of
from app.domain.text import Phrase
from app.models.documents import Item
from app.models.organization import Unit
from app.models.people import Person
from app.services.matrix_import.contents import code_from
from app.services.matrix_import.saying import Contents, Named

# Likeness in percent from which a name is worth suggesting.
LIKE = 82
SUGGESTIONS = 5
_TWINS = {
    "people": Phrase("Several of the file have this name; say which person is meant."),
    "functions": Phrase("Several of the file have this name; say which job function is meant."),
    "departments": Phrase("Several of the file have this name; say which department is meant."),
    "items": Phrase("Several of the file have this name; say which course or document is meant."),
}
_RENUMBERED = {
    "people": Phrase("No person has this name and number; one of this name has another number."),
    "functions": Phrase("No job function has this name and code; one of this name has another code."),
    "departments": Phrase("No department has this name and code; one of this name has another code."),
    "items": Phrase("No course or document has this name and code; one of this name has another code."),
}
_LIKE = {
    "people": Phrase("No person has this name; similar ones exist."),
    "functions": Phrase("No job function has this name; similar ones exist."),
    "departments": Phrase("No department has this name; similar ones exist."),
    "items": Phrase("No course or document has this name; similar ones exist."),
}


@dataclass(slots=True)
class Match:
    """What became of one name: the record it is, or the suggestions; ``choice`` is ``create``, ``ignore`` or a
    record's code."""

    named: Named
    code: str | None = None
    how: str = "new"
    suggestions: list[tuple[str, str, float]] = field(default_factory=list)
    renumbered: bool = False
    """Whether a record has this name, but another number or code than the file gives."""

    @property
    def open(self) -> bool:
        """Whether a person has to decide."""
        return self.how in ("like", "ambiguous")


def _question(kind: str, match: Match) -> Phrase:
    """Why somebody has to decide about a name."""
    if match.named.twins:
        return _TWINS[kind]
    if match.how == "ambiguous":
        return Phrase("Several records fit this name.")
    return _RENUMBERED[kind] if match.renumbered else _LIKE[kind]


@dataclass(slots=True)
class Matches:
    """Matches by the keys of the contents."""

    people: dict[str, Match] = field(default_factory=dict)
    functions: dict[str, Match] = field(default_factory=dict)
    items: dict[str, Match] = field(default_factory=dict)
    departments: dict[str, Match] = field(default_factory=dict)
    also: dict[str, dict[str, str]] = field(default_factory=dict)

    def known(self, kind: str) -> dict[str, str | None]:
        """The codes of all records of a kind that exist, under every key that the file has for them."""
        codes = {key: match.code for key, match in getattr(self, kind).items()}
        return codes | {own: codes.get(key) for own, key in self.also.get(kind, {}).items()}

    def all(self) -> Iterable[tuple[str, str, Match]]:
        """Kind, key and match of everything."""
        groups = ("people", self.people), ("functions", self.functions), ("departments", self.departments)
        for kind, group in (*groups, ("items", self.items)):
            for key, match in group.items():
                yield kind, key, match

    def unresolved(self) -> list[dict[str, Any]]:
        """Open decisions in the shape of the command line's JSON, with the sentence of each as a phrase."""
        rows = []
        for kind, _, match in self.all():
            if match.open:
                sheet, _, cell = match.named.place.rpartition("!")
                suggestions = [f"{code} {label}".strip() for code, label, _ in match.suggestions]
                rows.append(
                    {
                        "sheet": sheet,
                        "cell": cell,
                        "value": match.named.name,
                        "problem": _question(kind, match),
                        "suggestions": suggestions,
                    }
                )
        return rows


@dataclass(slots=True)
class _Known:
    """Records of one kind by all the texts they can be found by."""

    exact: dict[str, str] = field(default_factory=dict)
    by_text: dict[str, set[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def add(self, code: str, label: str, texts: Iterable[str]) -> None:
        self.exact[code] = code
        self.labels[code] = label
        for text in texts:
            if text:
                self.by_text.setdefault(normal(text), set()).add(code)


def match(session: Session | None, contents: Contents, choices: Mapping[str, str] | None = None) -> Matches:
    """Match everything a file names. ``choices`` maps ``KIND:KEY`` to a record's code, ``create`` or ``ignore``.

    Without a session everything is new: nothing has been installed yet.
    """
    choices = choices or {}
    people, items = _people(session), _items(session)
    functions, departments = _units(session, "job_function"), _units(session, "department")
    result = Matches(also=contents.also)
    for group, known, target, kind in (
        (contents.people, people, result.people, "people"),
        (contents.functions, functions, result.functions, "functions"),
        (contents.departments, departments, result.departments, "departments"),
        (contents.items, items, result.items, "items"),
    ):
        texts = list(known.by_text)
        for key, named in group.items():
            target[key] = _find(named, known, texts, choices.get(f"{kind}:{key}"))
    return result


def _find(named: Named, known: _Known, texts: list[str], choice: str | None) -> Match:
    if choice == "ignore":
        return Match(named, None, "ignored")
    if choice == "create":
        return Match(named, None, "new")
    if choice and choice in known.exact:
        return Match(named, choice, "chosen", [(choice, known.labels[choice], 0.0)])
    if named.key in known.exact:
        return Match(named, named.key, "exact")
    found: set[str] = set()
    for text in (named.key, named.code or "", named.name, turned(named.name)):
        found = known.by_text.get(normal(text), set()) if text else set()
        if found:
            break
    if len(found) == 1 and not named.twins:
        code = next(iter(found))
        by_name = text in (named.name, turned(named.name))
        if by_name and _numbered_otherwise(named, code, known.labels[code]):
            return Match(named, None, "like", [(code, known.labels[code], 100.0)], renumbered=True)
        return Match(named, code, "normalized")
    if found or named.twins:
        return Match(named, None, "ambiguous", [(code, known.labels[code], 100.0) for code in sorted(found)])
    return _like(named, known, texts)


def _numbered_otherwise(named: Named, code: str, label: str) -> bool:
    """Whether the file gives somebody or something of this name another number than the record has.

    A code that was made from the name, for want of a better one, contradicts nothing.
    """
    own = named.code if named.kind == "item" else named.key if named.kind == "person" else None
    if not own or not any(sign.isdigit() for sign in own) or normal(own) in {normal(code), normal(named.name)}:
        return False
    return code not in (code_from(label, len(code)), code_from(named.name, len(code)))


def _like(named: Named, known: _Known, texts: list[str]) -> Match:
    wanted = normal(named.name)
    best = process.extract(wanted, texts, scorer=fuzz.token_sort_ratio, score_cutoff=LIKE, limit=SUGGESTIONS)
    seen: dict[str, float] = {}
    for text, score, _ in best:
        for code in known.by_text[text]:
            seen[code] = max(score, seen.get(code, 0.0))
    if not seen:
        return Match(named)
    ranked = sorted(seen.items(), key=lambda pair: -pair[1])[:SUGGESTIONS]
    return Match(named, None, "like", [(code, known.labels[code], score) for code, score in ranked])


def turned(name: str) -> str:
    """``Silva, Ana`` as ``Ana Silva``; sorted words otherwise, so that ``Silva Ana`` and ``Ana Silva`` meet."""
    if name.count(",") == 1:
        last, first = name.split(",")
        return f"{first.strip()} {last.strip()}"
    return " ".join(sorted(words_of(name)))


def _people(session: Session | None) -> _Known:
    known = _Known()
    if session is not None:
        for number, name, mail in session.execute(select(Person.employee_no, Person.name, Person.email)):
            login = mail.split("@")[0] if mail else ""
            known.add(number, name, (number, name, turned(name), " ".join(sorted(words_of(name))), mail or "", login))
    return known


def _units(session: Session | None, kind: str) -> _Known:
    known = _Known()
    if session is not None:
        for code, name in session.execute(select(Unit.code, Unit.name).where(Unit.kind == kind)):
            known.add(code, name, (code, name))
    return known


def _items(session: Session | None) -> _Known:
    known = _Known()
    if session is not None:
        for code, title in session.execute(select(Item.code, Item.title)):
            known.add(code, title, (code, title, f"{code} {title}"))
    return known
