"""What the pages of a matrix import show of its dry run, as plain values that can be kept between pages."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext, ngettext
from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.models.importing import ImportRun
from app.services.matrix_import import effects
from app.services.matrix_import.commit import DryRun
from app.services.matrix_import.contents import Named
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.rehearsal import Effect
from app.views.import_open import change_groups, left_open, problems, shown_effect
from app.views.look import say

SHOWN = 300
"""Names, changes and problems listed on a page; the Excel copy holds all problems."""

ALWAYS = 3
"""The first kinds are shown in the totals even when nothing happens to them."""

Model = dict[str, Any]


def model_of(session: Session, found: Recognized, result: DryRun, zone: str) -> Model:
    """The dry run of a matrix: totals, problems, changes, effect, and the names that are not certain."""
    model: Model = {
        "open": result.open,
        "writes": len(result.changes.rows),
        "names": _names(result),
        "totals": _totals(result.changes.counts(), result.changes.same, _units(result)),
        "problems": problems(found, result)[:SHOWN],
        "change_groups": change_groups(result),
        "left_open": left_open(result),
    }
    # last, because on SQLite nobody else can write from the rehearsal to the end of the transaction
    effect = None if result.open else effects.effect_of(session, found, result, zone)
    return {**model, "refused": _refused(result, effect), "effect": shown_effect(result, effect)}


def summary_model(run: ImportRun) -> Model:
    """What was imported, as it was counted then."""
    nothing: Model = {"problems": [], "change_groups": [], "effect": None, "left_open": []}
    counts = json.loads(run.summary or "{}")
    return {"open": 0, "writes": 0, "refused": "", "totals": _totals(counts, {}, None), **nothing}


def _refused(result: DryRun, effect: Effect | None) -> str:
    """Why the import cannot be signed as it stands; empty when it can."""
    if result.open:
        return ngettext("One name still needs your decision.", "%(num)s names still need your decision.", result.open)
    if effect is not None and effect.refusal is not None:
        return str(say(Phrase("It cannot be imported as it is. %(problem)s", problem=effect.refusal)))
    return ""


def _units(result: DryRun) -> Counter[str]:
    return Counter(change.line["kind"] for change in result.changes.of("units"))


def _names(result: DryRun) -> list[Model]:
    """The names that may need a decision: all but those found for certain, unless somebody decided about them."""
    return [
        {
            "kind": kind,
            "key": key,
            "text": _told(match.named),
            "place": match.named.place,
            "count": match.named.count,
            "how": match.how,
            "open": match.open,
            "suggestions": [list(suggestion) for suggestion in match.suggestions],
        }
        for kind, key, match in result.matches.all()
        if match.how not in ("exact", "normalized")
    ]


def _told(named: Named) -> str:
    """A name as the file has it, with its code where it has one."""
    return named.name if not named.code or named.code in named.name else f"{named.code} {named.name}"


def groups(names: Sequence[Model], chosen: Mapping[str, str]) -> list[Model]:
    """The names by kind, those without a decision first, and kinds with such names before the others."""
    labels = {
        "people": gettext("People"),
        "functions": gettext("Job functions"),
        "departments": gettext("Departments"),
        "items": gettext("Courses and documents"),
    }
    found: dict[str, list[Model]] = {}
    for name in names:
        choice = chosen.get(f"{name['kind']}:{name['key']}") or ("create" if name["how"] == "new" else "")
        found.setdefault(name["kind"], []).append({**name, "choice": choice, "certain": not name["open"]})
    return [
        {
            "kind": kind,
            "label": labels[kind],
            "count": len(rows),
            "shown_of": gettext("The first %(shown)s of %(all)s", shown=SHOWN, all=len(rows))
            if len(rows) > SHOWN
            else "",
            "rows": sorted(rows, key=lambda row: bool(row["choice"]))[:SHOWN],
        }
        for kind, rows in sorted(found.items(), key=lambda group: all(row["choice"] for row in group[1]))
    ]


def decided(choices: dict[str, str], names: Sequence[Model], form: Mapping[str, str]) -> dict[str, str]:
    """Decisions of the form laid over those there are; a bulk button decides for all open ones of its kind."""
    known = {f"{name['kind']}:{name['key']}": name for name in names}
    for field, value in form.items():
        name = field.removeprefix("match:")
        if field.startswith("match:") and name in known:
            if value:
                choices[name] = value
            else:
                choices.pop(name, None)
    what, _, kind = form.get("bulk", "").partition(":")
    for name, match in known.items():
        if not name.startswith(f"{kind}:") or not what or name in choices or not match["open"]:
            continue
        if what == "best" and match["how"] == "like":
            choices[name] = match["suggestions"][0][0]
        elif what in ("create", "ignore"):
            choices[name] = what
    return choices


def _totals(counts: Mapping[str, Any], same: Mapping[str, int], units: Counter[str] | None) -> list[Model]:
    """Rows of the table of totals; ``units`` tells kinds of units apart where that is known."""
    rows = [
        (gettext("Requirements"), counts.get("requirements", {}), same.get("requirements", 0)),
        (gettext("Training records"), counts.get("completions", {}), same.get("completions", 0)),
        (gettext("People"), counts.get("people", {}), 0),
        (gettext("Memberships"), counts.get("memberships", {}), same.get("memberships", 0)),
        (gettext("Training orders"), counts.get("orders", {}), same.get("orders", 0)),
        (gettext("Job functions"), {"add": units["job_function"]} if units is not None else {}, 0),
        (gettext("Departments"), {"add": units["department"]} if units is not None else {}, 0),
        (gettext("Organization"), counts.get("units", {}) if units is None else {}, 0),
        (gettext("Courses and documents"), counts.get("items", {}), 0),
    ]
    return [
        {"label": label, **numbers, "same": unchanged}
        for place, (label, numbers, unchanged) in enumerate(rows)
        if place < ALWAYS or unchanged or any(numbers.values())
    ]
