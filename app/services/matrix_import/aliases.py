"""Who and what is named differently on several sheets: with a number or code on one, by name alone on another.

A name that stands alone means the one person, job function or item of the file that has this name beside a number or
code. Where several have it nothing is joined: the name stays a question of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.domain.importing import SheetReading
from app.domain.importing.vocabulary import normal, words_of


def person_name(name: str) -> str:
    """The words of a name in one order, so that ``Silva, Ana`` and ``Ana Silva`` meet."""
    return " ".join(sorted(words_of(name)))


@dataclass(slots=True)
class Names:
    """Keys by name, for one kind of thing; the name is compared as ``fold`` says."""

    fold: Callable[[str], str] = normal
    keys: dict[str, set[str]] = field(default_factory=dict)

    def add(self, key: str, name: str) -> None:
        """Remember that what has this key has this name, too."""
        if name and self.fold(name) != self.fold(key):
            self.keys.setdefault(self.fold(name), set()).add(key)

    def key_of(self, key: str, name: str) -> str:
        """The key under which a thing is known: its own, or that of the only one with its name."""
        if self.fold(name) != self.fold(key):
            return key
        found = self.keys.get(self.fold(name), set())
        return next(iter(found)) if len(found) == 1 else key

    def several(self, name: str) -> bool:
        """Whether the name alone could mean several."""
        return len(self.keys.get(self.fold(name), ())) > 1


@dataclass(slots=True)
class Aliases:
    """Names of the people, job functions and items of a workbook."""

    people: Names = field(default_factory=lambda: Names(person_name))
    functions: Names = field(default_factory=Names)
    items: Names = field(default_factory=Names)

    @classmethod
    def of(cls, sheets: Iterable[SheetReading]) -> "Aliases":
        """Collect the names of these sheets."""
        aliases = cls()
        for sheet in sheets:
            subjects = aliases.people if sheet.subject_kind == "person" else aliases.functions
            for subject in sheet.subjects:
                subjects.add(normal(subject.key) or normal(subject.name), subject.name)
            for item in sheet.items:
                if item.code and item.title:
                    aliases.items.add(normal(item.code), item.title)
        return aliases
