"""Every language that is offered is complete: no page, refusal or mail falls back to English halfway."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from flask import Flask
from flask_babel import Babel, force_locale, gettext

import config
from app.domain.errors import RuleBroken
from app.domain.text import Phrase
from translations import update

SHIPPED = sorted(set(config.LANGUAGES) - {"en"})
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%|\{[\w:]+\}")


@pytest.fixture(scope="module")
def template() -> Catalog:
    return update.extracted()


def messages(catalog: Catalog) -> Iterator[tuple[Message, list[str], list[str]]]:
    """Every sentence with its English forms and its translated forms."""
    for message in catalog:
        if message.id:
            english = [message.id] if isinstance(message.id, str) else list(message.id)
            strings = [message.string] if isinstance(message.string, str) else list(message.string)
            yield message, english, strings


def test_every_language_that_a_person_can_choose_has_a_catalog_and_the_other_way_round() -> None:
    assert update.languages() == SHIPPED
    assert "es" in SHIPPED


def test_the_sentences_of_all_floors_are_found(template: Catalog) -> None:
    places = Counter(place.split("/")[1] for message in template for place, _ in message.locations)
    assert {"domain", "models", "services", "reports", "views", "templates", "jobs"} <= set(places)
    assert len(template) > 1000


@pytest.mark.parametrize("language", SHIPPED)
def test_a_catalog_holds_exactly_the_sentences_of_the_sources(language: str, template: Catalog) -> None:
    catalog = update.catalog_of(language)
    there = {message.id for message in catalog if message.id}
    wanted = {message.id for message in template if message.id}
    assert sorted(map(str, wanted - there)) == [], "run: python translations/update.py, then translate"
    assert sorted(map(str, there - wanted)) == [], "run: python translations/update.py"


@pytest.mark.parametrize("language", SHIPPED)
def test_every_sentence_is_translated(language: str) -> None:
    assert list(update.untranslated(update.catalog_of(language))) == []


@pytest.mark.parametrize("language", SHIPPED)
def test_a_translation_has_the_placeholders_of_its_sentence(language: str) -> None:
    wrong = [
        (english[-1], string)
        for _, english, strings in messages(update.catalog_of(language))
        for string in strings[-1:]
        if set(match[0] for match in PLACEHOLDER.finditer(english[-1]))
        != set(match[0] for match in PLACEHOLDER.finditer(string))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", SHIPPED)
def test_a_translation_keeps_line_breaks_and_spaces_at_the_ends(language: str) -> None:
    wrong = [
        (english[0], string)
        for _, english, strings in messages(update.catalog_of(language))
        for string in strings
        if english[0].count("\n") != string.count("\n")
        or english[0].startswith(" ") != string.startswith(" ")
        or english[0].endswith(" ") != string.endswith(" ")
    ]
    assert wrong == []


@pytest.mark.parametrize("language", SHIPPED)
def test_a_refusal_is_told_in_the_language_of_the_reader(language: str, tmp_path: Path) -> None:
    target = tmp_path / language / "LC_MESSAGES"
    target.mkdir(parents=True)
    with (target / "messages.mo").open("wb") as file:
        write_mo(file, update.catalog_of(language))
    app = Flask("translated")
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path)
    Babel(app)
    refusal = RuleBroken("Say why: “%(step)s” needs a reason.", step=Phrase("Approve"))
    with app.test_request_context(), force_locale(language):
        said = refusal.phrase.render(gettext)
    if language == "es":
        assert said == "Diga por qué: «Aprobar» necesita un motivo."
    assert said not in ("", str(refusal))
