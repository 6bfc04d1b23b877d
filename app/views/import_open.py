"""What a matrix leaves open, as fields and sentences; and the effect of an import, as the page shows it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext, ngettext

from app.domain.text import Phrase
from app.models.importing import ImportRun
from app.services.matrix_import import taking
from app.services.matrix_import.commit import DryRun
from app.services.matrix_import.contents import contents_of
from app.services.matrix_import.effects import beside_the_numbers, findings, sentence_of
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.rehearsal import Effect
from app.services.matrix_import.saying import Open
from app.views.import_grid import ANSWERS
from app.views.look import say

FUNCTIONS_SHOWN = 50
CHANGES_SHOWN = 200
"""Changes of one kind listed on a page."""
FEW = 20
"""So few changes in all are unfolded."""
FIELD_OF = {
    "undated": "undated_on",
    "levels": "trained_from_level",
    "personal": "personal_needs",
    "memberships": "memberships",
}


def open_fields(model: Mapping[str, Any], sheet: str, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields for what a sheet leaves open, each with a sentence that says how many cells it concerns.

    ``model`` comes from ``open_model``, ``chosen`` are the decisions about the sheet so far.
    """
    ones = [Open(**{**one, "levels": set(one["levels"])}) for one in model["open"] if one["sheet"] == sheet]
    return [_field(one, chosen.get(FIELD_OF[one.kind]), chosen) for one in ones]


def open_model(found: Recognized) -> dict[str, Any]:
    """What the sheets of a file leave open, as plain values."""
    contents = contents_of(found.reading, found.grids, found.mapping)
    return {"open": [{**asdict(one), "levels": sorted(one.levels)} for one in contents.open_ones()]}


def _field(one: Open, value: Any, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """One question: its sentence, label, kind of input, present answer, and what the answer means."""
    number = one.count
    value = "" if value == taking.LEAVE_OUT and one.kind != "memberships" else value
    if one.kind == "undated":
        return {
            "name": FIELD_OF[one.kind],
            "text": ngettext(
                "One cell says “trained” without a day.", "%(num)s cells say “trained” without a day.", number
            ),
            "label": gettext("Record them as trained on"),
            "help": gettext("The day of this matrix. Each record says that the file states no day. Empty: left out."),
            "type": "date",
            "value": value or "",
        }
    if one.kind == "levels":
        levels = [(str(level), gettext("from level %(level)s", level=level)) for level in sorted(one.levels)]
        return {
            "name": FIELD_OF[one.kind],
            "text": ngettext("One cell is a level of skill.", "%(num)s cells are levels of skill.", number),
            "label": gettext("Count as trained"),
            "help": _about_levels(chosen),
            "options": [("", gettext("never: levels are left out")), *levels],
            "value": "" if value is None else value,
        }
    if one.kind == "personal":
        return {
            "name": FIELD_OF[one.kind],
            "text": ngettext(
                "One cell asks a single person for training.",
                "%(num)s cells ask single people for training.",
                number,
            ),
            "label": gettext("Place training orders, due within days"),
            "help": gettext("Such as 30. Empty: left out."),
            "type": "number",
            "value": "" if value is None else value,
        }
    return {
        "name": FIELD_OF[one.kind],
        "text": ngettext(
            "One cell names a job function or department.",
            "%(num)s cells name a job function or department.",
            number,
        ),
        "label": gettext("Memberships"),
        "help": gettext("They begin on the day of the import. No membership ends because the file does not name it."),
        "options": [("", gettext("take them over")), (taking.LEAVE_OUT, gettext("leave them out"))],
        "value": value if value == taking.LEAVE_OUT else "",
    }


def _about_levels(chosen: Mapping[str, Any]) -> str:
    if chosen.get("trained_from_level") not in (None, taking.LEAVE_OUT):
        return gettext("A level with a day beside it counts on that day, the others as marks without a day.")
    return gettext("A level is shown in the file only; it is no training record.")


def as_typed(fields: list[dict[str, Any]], form: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields, or the meanings of codes, with what was typed into a form that was refused."""
    for field in fields:
        if field.get("name") in form:
            field["value"] = form[field["name"]]
        elif f"legend:{field.get('code')}" in form:
            field["meaning"] = form[f"legend:{field['code']}"]
    return fields


def read_takings(mapping: Mapping[str, Any], form: Mapping[str, str], today: date, sheet: str) -> dict[str, Any]:
    """The corrections of a sheet with the decisions of the form. Raises BadInput for a day in the future."""
    mine = dict(mapping)
    for key in taking.KEYS:
        if key in form:
            mine.pop(key, None)
            if form[key].strip():
                mine[key] = form[key].strip()
    day = mine.get("undated_on")
    if day and day != taking.LEAVE_OUT:
        try:
            kept = {sheet: {"undated_on": taking.checked("undated_on", day)}}
        except ValueError:
            return mine  # the whole mapping is checked, and refused in one sentence, afterwards
        taking.refuse_future(kept, today)
    return mine


def left_open(result: DryRun) -> list[dict[str, str]]:
    """What is left out of each sheet, in a sentence."""
    return [{"text": say(sentence_of(one)), "sheet": one.sheet} for one in result.contents.open_ones() if not one.taken]


def with_places(run: ImportRun, rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """What is left out, with the page on which that is decided, as long as it can be."""
    return [
        {
            "text": row["text"],
            "url": url_for("MatrixImportView.review", number=run.id, sheet=row["sheet"], _anchor="open")
            if run.state == "ready"
            else "",
        }
        for row in rows
    ]


def in_words(value: Phrase | str) -> str:
    """A sentence, or a suggested answer, in the reader's language; names stay as they are."""
    return say(ANSWERS.get(value, value) if isinstance(value, str) else value)


def problems(found: Recognized, result: DryRun) -> list[dict[str, Any]]:
    """Everything that was not understood or cannot be recorded, by cell."""
    rows = [*found.reading.unresolved(), *result.matches.unresolved(), *findings(result, left_out=False)]
    return [
        {
            "place": f"{row['sheet']}!{row['cell'] or ''}".rstrip("!"),
            "value": row["value"],
            "text": say(row["problem"]),
            "suggestions": [in_words(one) for one in row["suggestions"]],
        }
        for row in rows
    ]


def shown_effect(result: DryRun, effect: Effect | None) -> dict[str, Any] | None:
    """The effect on compliance for the page; ``None`` when there is nothing to show."""
    if effect is None or effect.refusal is not None or not result.changes.rows:
        return None
    total = effect.total
    tiles = [
        (total.new, gettext("items newly required, over all people"), "clipboard-list", ""),
        (total.late, gettext("of them overdue at once"), "alert-triangle", "text-bad" if total.late else ""),
        (total.to_train, gettext("of them to train in time"), "clock", ""),
        (total.qualified, gettext("of them met at once"), "circle-check", "text-good" if total.qualified else ""),
    ]
    return {
        "tiles": [{"number": n, "label": label, "icon": icon, "look": look} for n, label, icon, look in tiles],
        "people": gettext("%(n)s of %(all)s people are affected.", n=effect.affected, all=effect.people),
        "sentences": [say(one) for one in beside_the_numbers(result, effect)],
        "functions": [asdict(one) for one in effect.functions[:FUNCTIONS_SHOWN]],
        "top": [asdict(one) for one in effect.top],
    }


def change_groups(result: DryRun) -> list[dict[str, Any]]:
    """Every change by kind, each kind up to ``CHANGES_SHOWN``, with a sentence where there are more."""
    labels = {
        "requirements": gettext("Requirements"),
        "completions": gettext("Training records"),
        "orders": gettext("Training orders"),
        "memberships": gettext("Memberships"),
        "people": gettext("People"),
        "units": gettext("Job functions and departments"),
        "documents": gettext("Courses and documents"),
    }
    groups = []
    for kind, label in labels.items():
        rows = result.changes.of(kind)
        if rows:
            more = gettext("The first %(shown)s of %(all)s", shown=CHANGES_SHOWN, all=len(rows))
            shown = [{"kind": row.action, "text": row.what, "place": row.place} for row in rows[:CHANGES_SHOWN]]
            groups.append(
                {
                    "label": label,
                    "count": len(rows),
                    "rows": shown,
                    "open": len(result.changes.rows) <= FEW,
                    "shown_of": more if len(rows) > CHANGES_SHOWN else "",
                }
            )
    return groups
