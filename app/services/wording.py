"""Sentences in a person's language where no page is open: mail, digests (JOB-2, UX-3). The pages' catalogs serve."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from babel.support import Translations

FOLDER = Path(__file__).resolve().parents[2] / "translations"


def preferred(languages: str | None) -> str:
    """Return the first of a person's languages (``es;en``); English where none is known."""
    return (languages or "").split(";")[0].strip().split("-")[0].lower() or "en"


@lru_cache(maxsize=32)
def translator(language: str) -> Callable[[str], str]:
    """Return what turns an English sentence into ``language``; a language without a catalog stays English."""
    catalog = Translations.load(str(FOLDER), [language])

    def translate(template: str) -> str:
        return str(catalog.gettext(template)) if template else template

    return translate
