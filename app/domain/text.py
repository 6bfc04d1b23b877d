"""Sentences for people, kept apart from their language.

The floors below the edges know no browser and no language. They state a sentence as an English template with
named placeholders; the edge that shows it translates the template and fills the values in.
"""

from collections.abc import Callable
from typing import Any


class Phrase:
    """One sentence: ``template`` in English with ``%(name)s`` placeholders, and the ``values`` that fill it.

    ``str(phrase)`` is the English sentence. ``phrase.render(translate)`` is the sentence in another language, where
    ``translate`` maps an English template to its translation. A value may be a phrase itself.
    """

    __slots__ = ("template", "values")

    def __init__(self, template: str, /, **values: Any) -> None:
        self.template = template
        self.values = values

    def render(self, translate: Callable[[str], str]) -> str:
        """Return the sentence with its template, and every nested phrase, passed through ``translate``."""
        text = translate(self.template)
        if not self.values:
            return text
        filled = {
            key: value.render(translate) if isinstance(value, Phrase) else value for key, value in self.values.items()
        }
        return text % filled

    def __str__(self) -> str:
        return self.render(_as_is)

    def __repr__(self) -> str:
        return f"Phrase({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Phrase) and (self.template, self.values) == (other.template, other.values)

    def __hash__(self) -> int:
        return hash(str(self))


def _as_is(template: str) -> str:
    return template
