"""What an import would do, told before it is signed: its effect on compliance, and what it leaves out."""

from collections import OrderedDict
from datetime import date
from threading import Lock
from typing import Any

from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.safeguards.context import current
from app.services.importing.commit import trail_head
from app.services.matrix_import import rehearsal
from app.services.matrix_import.commit import DryRun
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.rehearsal import Effect, Outcome, rehearse
from app.services.matrix_import.saying import Open

# Effects that were computed a moment ago, by everything that they depend on, so that turning to the page again does not
# rehearse again. Only a cache: any worker can compute it anew.
_KEPT = 20
_known: "OrderedDict[tuple[Any, ...], Effect]" = OrderedDict()
_lock = Lock()


def effect_of(session: Session, found: Recognized, result: DryRun, zone: str) -> Effect:
    """What the import would do to compliance now, from the rule itself; nothing stays written (see ``rehearsal``)."""
    context = current()
    changes = hash(tuple((row.kind, row.action, *row.line.items()) for row in result.changes.rows))
    key = (
        str(session.get_bind().engine.url), found.sha256, found.file, changes, trail_head(session), context.clients,
        context.permissions, _hour(context.now()), rehearsal.ROWS, rehearsal.PEOPLE,
    )  # fmt: skip
    with _lock:
        if key in _known:
            return _known[key]
    effect = rehearse(session, result.changes, found.file, zone)
    with _lock:
        _known[key] = effect
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    return effect


def _hour(now: Any) -> tuple[date, int]:
    return now.date(), now.hour


def sentences(result: DryRun, effect: Effect) -> list[Phrase]:
    """The effect on compliance in sentences, what stays as it is, and what was left out."""
    return [*_on_compliance(effect), *_beside(result), *left_open(result)]


def beside_the_numbers(result: DryRun, effect: Effect) -> list[Phrase]:
    """What to say beside the numbers of newly required items: what else changes, and what stays."""
    return [*_else(effect), *_beside(result)]


def _on_compliance(effect: Effect) -> list[Phrase]:
    total = effect.total
    if effect.refusal is not None:
        return [Phrase("It cannot be imported as it is. %(problem)s", problem=effect.refusal)]
    numbers = (total.new, total.qualified, total.late, total.to_train)
    told = [
        _counted(number, forms, people=effect.affected) for number, forms in zip(numbers, _NEW, strict=True) if number
    ]
    return [*told, *_else(effect)]


def _counted(number: int, forms: tuple[Phrase, Phrase], **values: Any) -> Phrase:
    """The sentence for one, or for several."""
    return Phrase(forms[number != 1].template, number=number, **values)


# Sentences with a number come in two forms: for one, and for several.
_NEW = (
    (
        Phrase("One item becomes newly required."),
        Phrase("%(number)s items become newly required, counted for each person (people: %(people)s)."),
    ),
    (
        Phrase("One of them is met at once, by training on record or in this file."),
        Phrase("%(number)s of them are met at once, by training on record or in this file."),
    ),
    (
        Phrase("One of them is overdue or expired at once."),
        Phrase("%(number)s of them are overdue or expired at once."),
    ),
    (
        Phrase("One of them is to be trained in time."),
        Phrase("%(number)s of them are to be trained in time."),
    ),
)
_ELSE = (
    (
        Phrase("One item that is open today is met by the training in this file."),
        Phrase("%(number)s items that are open today are met by the training in this file."),
    ),
    (
        Phrase("One item that somebody is qualified for today would no longer be met."),
        Phrase("%(number)s items that people are qualified for today would no longer be met."),
    ),
    (
        Phrase("One item is no longer required; what was trained stays on record."),
        Phrase("%(number)s items are no longer required; what was trained stays on record."),
    ),
    (
        Phrase("One item is recorded as trained although nothing requires it."),
        Phrase("%(number)s items are recorded as trained although nothing requires them."),
    ),
)


def _else(effect: Effect) -> list[Phrase]:
    total, told = effect.total, []
    for number, forms in zip((total.cleared, total.lost, total.dropped, total.held), _ELSE, strict=True):
        if number:
            told.append(_counted(number, forms))
    if effect.people and not any(total.as_json().values()):
        told.append(Phrase("Nobody is required to do more or less than now."))
    if effect.left_out:
        told.append(
            Phrase(
                "The file is large: this is computed for the first %(number)s people; %(more)s more are left out here.",
                number=effect.people,
                more=effect.left_out,
            )
        )
    return told


def _beside(result: DryRun) -> list[Phrase]:
    told = [
        _counted(one.count, _TAKEN[one.kind], sheet=one.sheet, answer=one.answer)
        for one in result.contents.open_ones()
        if one.taken and one.kind in _TAKEN
    ]
    ended = sum(change.action == "end" for change in result.changes.of("requirements"))
    if ended:
        told.append(_counted(ended, _ENDED))
    if result.changes.kept_memberships:
        told.append(_counted(result.changes.kept_memberships, _KEPT_MEMBERSHIPS))
    return told


_ENDED = (Phrase("One requirement ends today."), Phrase("%(number)s requirements end today."))
_KEPT_MEMBERSHIPS = (
    Phrase(
        "One person also stays in the job function or department that is on record; end it by form where it is over."
    ),
    Phrase(
        "%(number)s people also stay in the job function or department that is on record; end it by form where it is "
        "over."
    ),
)
_TAKEN = {
    "undated": (
        Phrase(
            "Sheet “%(sheet)s”: one cell without a day counts as trained on %(answer)s, unless training is on record "
            "already."
        ),
        Phrase(
            "Sheet “%(sheet)s”: %(number)s cells without a day count as trained on %(answer)s, unless training is "
            "on record already."
        ),
    ),
    "levels": (
        Phrase("Sheet “%(sheet)s”: the one level counts as trained if it is %(answer)s or more."),
        Phrase("Sheet “%(sheet)s”: of %(number)s levels those from %(answer)s on count as trained."),
    ),
    "personal": (
        Phrase(
            "Sheet “%(sheet)s”: one cell that asks a single person for training becomes an order, due within "
            "%(answer)s days."
        ),
        Phrase(
            "Sheet “%(sheet)s”: %(number)s cells that ask a single person for training become orders, due within "
            "%(answer)s days."
        ),
    ),
}
_LEFT_OUT = {
    "undated": (
        Phrase(
            "Sheet “%(sheet)s”: one cell says “trained” without a day. It is left out, because a record needs its day."
        ),
        Phrase(
            "Sheet “%(sheet)s”: %(number)s cells say “trained” without a day. They are left out, because a record "
            "needs its day."
        ),
    ),
    "levels": (
        Phrase(
            "Sheet “%(sheet)s”: one cell is a level of skill. It is left out, because a level is no training record."
        ),
        Phrase(
            "Sheet “%(sheet)s”: %(number)s cells are levels of skill. They are left out, because a level is no "
            "training record."
        ),
    ),
    "personal": (
        Phrase("Sheet “%(sheet)s”: one cell asks a single person for training. It is left out."),
        Phrase("Sheet “%(sheet)s”: %(number)s cells ask a single person for training. They are left out."),
    ),
    "memberships": (
        Phrase("Sheet “%(sheet)s”: one cell names a job function or department. It is left out."),
        Phrase("Sheet “%(sheet)s”: %(number)s cells name a job function or department. They are left out."),
    ),
}


def left_open(result: DryRun) -> list[Phrase]:
    """What is left out because nobody decided to take it, by sheet."""
    return [sentence_of(one) for one in result.contents.open_ones() if not one.taken]


def sentence_of(one: Open) -> Phrase:
    """What is left out of a sheet."""
    return _counted(one.count, _LEFT_OUT[one.kind], sheet=one.sheet)


def findings(result: DryRun, *, left_out: bool = True) -> list[dict[str, Any]]:
    """Cells that cannot be recorded as things are, and the first cell of everything that is left out, as questions.

    In the shape of the command line's ``unresolved``, with the sentence as a phrase in ``problem``.
    """
    rows = [_question(refused.place, refused.value, refused.problem) for refused in result.changes.refused]
    if left_out:
        rows += [_question(one.place, "", sentence_of(one)) for one in result.contents.open_ones() if not one.taken]
    return rows


def _question(place: str, value: str, problem: Phrase) -> dict[str, Any]:
    sheet, _, cell = place.rpartition("!")
    return {"sheet": sheet, "cell": cell, "value": value, "problem": problem, "suggestions": []}


def as_json(effect: Effect) -> dict[str, Any]:
    """The effect for programs: numbers in total and by job function, the people with most to do, any refusal."""

    def numbers(outcome: Outcome) -> dict[str, int]:
        names = {"new": "newly_required", "qualified": "met_at_once", "late": "overdue_at_once"}
        return {names.get(name, name): number for name, number in outcome.as_json().items()}

    return {
        "people": effect.people,
        "people_affected": effect.affected,
        "people_left_out": effect.left_out,
        **numbers(effect.total),
        "job_functions": [
            {"code": one.code, "name": one.name, "people": one.people, **numbers(one.outcome)}
            for one in effect.functions
        ],
        "top_people": [{"employee_no": one.code, "name": one.name, **numbers(one.outcome)} for one in effect.top],
        "refusal": None if effect.refusal is None else str(effect.refusal),
    }
