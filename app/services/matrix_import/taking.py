"""What a user decides about things that a matrix leaves open: marks without a day, levels, what single people need.

Each decision belongs to one sheet and stands in the mapping beside the corrections of its recognition, so it can be
made on the page, in a mapping file, and is remembered for the layout. None of them changes how the sheet is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.errors import BadInput
from app.domain.text import Phrase

LEAVE_OUT = "leave_out"
IMPORT = "import"
KEYS = ("undated_on", "trained_from_level", "personal_needs", "memberships")
MOST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Taking:
    """The decisions about one sheet; without any, nothing is recorded that the file does not say in full.

    ``undated_on`` is the day on which marks without a day count as trained, ``trained_from_level`` the level from which
    a level counts as trained, ``order_days`` in how many days training that single people need is due. ``None`` leaves
    the cells out. ``memberships`` tells whether columns of job functions and departments are taken over.
    """

    undated_on: date | None = None
    trained_from_level: int | None = None
    order_days: int | None = None
    memberships: bool = True


def taking_of(choices: Mapping[str, Any] | None) -> Taking:
    """The decisions among the checked choices of one sheet."""
    given = {key: value for key, value in (choices or {}).items() if key in KEYS and value != LEAVE_OUT}
    day = given.get("undated_on")
    return Taking(
        date.fromisoformat(day) if day else None,
        given.get("trained_from_level"),
        given.get("personal_needs"),
        (choices or {}).get("memberships") != LEAVE_OUT,
    )


def checked(key: str, value: Any) -> Any:
    """A decision as it is kept: an ISO day, a number, or a word. Raises ValueError with a phrase: what is possible."""
    text = str(value).strip()
    if text == LEAVE_OUT:
        return LEAVE_OUT
    if key == "undated_on":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError as error:
            raise ValueError(Phrase("a day such as 2026-03-01, leave_out")) from error
    if key == "memberships":
        if text != IMPORT:
            raise ValueError("import, leave_out")
        return IMPORT
    most = 100 if key == "trained_from_level" else MOST_DAYS
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        if key == "trained_from_level":
            raise ValueError(Phrase("a level from 0 to %(most)s, leave_out", most=most))
        raise ValueError(Phrase("a number of days from 0 to %(most)s, leave_out", most=most))
    return int(text)


def for_recognition(choices: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The corrections without the decisions: those that recognition may see."""
    plain = {sheet: {k: v for k, v in given.items() if k not in KEYS} for sheet, given in choices.items()}
    return {sheet: given for sheet, given in plain.items() if given}


def refuse_future(choices: Mapping[str, Mapping[str, Any]], today: date) -> None:
    """Raise BadInput when a sheet's marks are to count as trained on a day after ``today``."""
    for sheet, given in choices.items():
        day = taking_of(given).undated_on
        if day and day > today:
            raise BadInput(
                "Sheet “%(sheet)s”: nobody was trained on %(day)s, a day in the future. State the day of the matrix.",
                field="undated_on",
                sheet=sheet,
                day=day.isoformat(),
            )
