"""Reads the word lists of ``seed_data/vocabularies`` that let the importer recognize a matrix in many languages."""

import tomllib
from functools import lru_cache
from pathlib import Path

from app.domain.importing.vocabulary import Vocabulary
from app.domain.importing.wordlists import build_vocabulary

FOLDER = Path(__file__).resolve().parents[2] / "seed_data" / "vocabularies"

# Where two languages use one word differently, the earlier one wins.
_ORDER = ("en", "es", "pt", "fr", "de", "ru", "ja", "zh", "ko", "th", "ar", "it", "nl")


@lru_cache(maxsize=1)
def load_vocabulary() -> Vocabulary:
    """The vocabulary of all languages, read once per process. A new language is one more file in the folder."""
    tables = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.toml")}
    marks = tables.pop("marks")
    languages = [name for name in _ORDER if name in tables] + sorted(set(tables) - set(_ORDER))
    given_names = (FOLDER / "given_names.txt").read_text("utf-8").split()
    return build_vocabulary([tables[name] for name in languages], marks, given_names)
