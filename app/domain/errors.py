"""What goes wrong on purpose: a rule that says no, in a sentence that tells the user what to do."""

from typing import Any

from app.domain.text import Phrase


class RuleBroken(Exception):
    """A rule refuses what was asked. Nothing is written; the sentence is shown to the user.

    ``template`` is English with ``%(name)s`` placeholders and ``values`` fill it, so the edge can translate it.
    ``field`` names the form field or column that the sentence is about, when there is one.
    """

    status = 422

    def __init__(self, template: str, /, *, field: str | None = None, **values: Any) -> None:
        self.phrase = Phrase(template, **values)
        self.field = field
        super().__init__(str(self.phrase))

    @property
    def template(self) -> str:
        """The English sentence before its values are filled in."""
        return self.phrase.template

    @property
    def values(self) -> dict[str, Any]:
        """What fills the placeholders of the template."""
        return self.phrase.values


class NotAllowed(RuleBroken):
    """The person may not do this (21 CFR 11.10(g)). Answered as 403."""

    status = 403


class NotFound(RuleBroken):
    """No such record, or none that this person may know of. Answered as 404."""

    status = 404


class Stale(RuleBroken):
    """Somebody else changed the record since the form was opened. Answered as 409; what was typed is kept."""

    status = 409


class BadInput(RuleBroken):
    """Typed or uploaded input that cannot be understood; the sentence names the place. Answered as 422."""
