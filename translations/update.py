"""Collects every sentence that a user can read and brings the catalogs up to date: ``python translations/update.py``.

``translations/<language>/LC_MESSAGES/messages.po`` then holds each sentence once; new ones wait with an empty
translation, and ``pytest tests/translations`` names them. ``pybabel compile -d translations`` makes what the server
reads. How to add a language: ``docs/translations.md``.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).parent
ROOT = HERE.parent
METHODS = [("app/**.py", "python"), ("app/templates/**.html", "jinja2"), ("app/templates/**.txt", "jinja2")]
OPTIONS = {"app/templates/**.html": {"silent": "false"}, "app/templates/**.txt": {"silent": "false"}}
KEYWORDS = parse_keywords(
    ["_", "_l", "gettext", "lazy_gettext", "ngettext:1,2", "Phrase:1"]
    # refusals state their sentence as the first argument (app/domain/errors.py and their kin)
    + [f"{name}:1" for name in ("RuleBroken", "BadInput", "NotFound", "NotAllowed", "Stale", "BadCell")]
    + [f"{name}:1" for name in ("WrongComponents", "Refused")]
)


def extracted() -> Catalog:
    """Return every sentence of the sources, with the file it stands in."""
    catalog = Catalog(project="Qualgate", charset="utf-8")
    for filename, _, message, comments, context in extract_from_dir(
        ROOT, METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=("Translators:",)
    ):
        first = message[0] if isinstance(message, tuple) else message
        if first.strip():
            catalog.add(message, locations=[(filename, None)], auto_comments=comments, context=context)
    return catalog


def languages() -> list[str]:
    """Return the languages that have a catalog."""
    return sorted(path.parent.parent.name for path in HERE.glob("*/LC_MESSAGES/messages.po"))


def catalog_of(language: str) -> Catalog:
    """Return the catalog of one language as its file has it."""
    with (HERE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str, template: Catalog) -> Catalog:
    """Return the catalog of one language with exactly the sentences of ``template``; translations are kept.

    Nothing is guessed from a similar sentence, and what no source says any more is dropped.
    """
    catalog = catalog_of(language)
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    return catalog


def as_file(catalog: Catalog) -> bytes:
    """Return a catalog as the bytes of its file: sorted, without line numbers, so that a diff shows what changed."""
    buffer = BytesIO()
    write_po(buffer, catalog, width=0, sort_output=True, include_lineno=False, omit_header=True, ignore_obsolete=True)
    return _header(catalog).encode() + buffer.getvalue()


def _header(catalog: Catalog) -> str:
    """The header without dates, which would change in every file at each run."""
    lines = [
        "Project-Id-Version: Qualgate",
        f"Language: {catalog.locale_identifier}",
        f"Plural-Forms: {catalog.plural_forms}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    return 'msgid ""\nmsgstr ""\n' + "".join(f'"{line}\\n"\n' for line in lines) + "\n"


def untranslated(catalog: Catalog) -> Iterator[str]:
    """Yield the sentences of a catalog that have no translation yet."""
    for message in catalog:
        strings = message.string if isinstance(message.string, tuple | list) else [message.string]
        if message.id and not all(strings):
            yield message.id if isinstance(message.id, str) else message.id[0]


def main() -> None:
    """Update every catalog and say how many sentences wait for a translation."""
    template = extracted()
    for language in languages():
        catalog = updated(language, template)
        (HERE / language / "LC_MESSAGES" / "messages.po").write_bytes(as_file(catalog))
        sys.stdout.write(f"{language}: {len(template)} sentences, {len(list(untranslated(catalog)))} untranslated\n")


if __name__ == "__main__":
    main()
