"""Builds the vocabulary from the tables of all languages."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.importing.vocabulary import Vocabulary, is_cjk, normal, words_of


def build_vocabulary(
    languages: Iterable[Mapping[str, Any]], marks: Mapping[str, Any], given_names: Iterable[str]
) -> Vocabulary:
    """Merge the tables of all languages. Where two languages disagree about a word, the earlier language wins."""
    vocabulary = Vocabulary()
    fields: dict[str, set[str]] = {}
    words: dict[str, set[str]] = {}
    once: set[str] = set()
    every: set[str] = set()
    for table in languages:
        for name, texts in table.get("fields", {}).items():
            for text in texts:
                for form in _forms(text):
                    fields.setdefault(form, set()).add(name)
        _add_meanings(vocabulary, table)
        _add_times(vocabulary, table, once, every)
        for name, texts in table.get("words", {}).items():
            words.setdefault(name, set()).update(form for text in texts for form in (normal(text), _typed(text)))
    vocabulary._header_words = frozenset(word for phrase in fields for word in phrase.split() if len(word) > 2)
    vocabulary.fields = {key: frozenset(names) for key, names in fields.items()}
    vocabulary.words = {name: frozenset(group) for name, group in words.items()}
    vocabulary._endings = {
        name.removesuffix("_ending"): tuple(group) for name, group in words.items() if name.endswith("_ending")
    }
    vocabulary.once, vocabulary.every = frozenset(once), frozenset(every)
    vocabulary.marks = {name: frozenset(group) for name, group in marks["marks"].items()}
    vocabulary.scales = {name: dict(scale) for name, scale in marks["scales"].items()}
    vocabulary.codes = {name: dict(codes) for name, codes in marks["codes"].items()}
    vocabulary.given_names = frozenset(normal(name) for name in given_names)
    usable = [(" ".join(words_of(p)) if not is_cjk(p) else p, d) for p, d in vocabulary.meanings.items() if len(p) > 1]
    vocabulary._phrases = sorted(
        (pair for pair in usable if len(pair[0]) > 1), key=lambda pair: (-len(pair[0]), pair[0])
    )
    return vocabulary


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe", "æ": "ae"})


def _typed(text: str) -> str:
    """A word as somebody writes it whose keyboard has no umlauts: "Taetigkeit"."""
    return normal(text.casefold().translate(_UMLAUTS))


def _forms(text: str) -> set[str]:
    """All the forms in which the name of a column is looked up."""
    return {form for one in (normal(text), _typed(text)) for form in (one, " ".join(words_of(one)) or one)}


def _add_meanings(vocabulary: Vocabulary, table: Mapping[str, Any]) -> None:
    for detail, texts in table.get("meanings", {}).items():
        for text in texts:
            for form in (normal(text), _typed(text)):
                vocabulary.meanings.setdefault(form, detail)
    for level, texts in table.get("levels", {}).items():
        for text in texts:
            vocabulary.levels.setdefault(normal(text), int(level))


def _add_times(vocabulary: Vocabulary, table: Mapping[str, Any], once: set[str], every: set[str]) -> None:
    months = table.get("months", {})
    for names in (months.get("names", []), months.get("short", [])):
        for number, name in enumerate(names, 1):
            vocabulary.months.setdefault(normal(name), number)
    for name, number in months.get("also", {}).items():
        vocabulary.months.setdefault(normal(name), number)
    units = table.get("units", {})
    once.update(normal(text) for text in units.get("once", []))
    every.update(normal(text) for text in units.get("every", []))
    for phrase, number in units.get("periods", {}).items():
        vocabulary.periods.setdefault(normal(phrase), int(number))
    for unit in ("hours", "minutes", "days", "weeks", "months", "years"):
        for text in units.get(unit, []):
            vocabulary.units.setdefault(normal(text), unit)
