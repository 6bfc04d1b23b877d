"""Labels taken apart: ``SOP-012 v3 Gowning`` is a code, a version and a title; ``2028 - Packaging`` a code and a
name."""

import re
from typing import NamedTuple

from app.domain.importing.vocabulary import is_cjk

_CODE_FIRST = re.compile(
    r"^(?P<code>(?=[^\s]*\d)(?:[^\W\d_]{1,8}[-_./]?){0,3}\d[\w]*(?:[-_./][\w]+)*"
    r"|(?-i:[A-ZÀ-Þ]{2,8})[ ]\d{1,6}(?:[-_./]\d+)*|\d{1,6}(?:[.\-]\d+)*)"
    r"(?:\s*[:\-–—|)]\s*|\s+|\s*\n\s*)(?P<title>(?=.*[^\W\d_]{2}).+)$",
    re.S,
)
_CODE_LAST = re.compile(
    r"^(?P<title>.*[^\W\d_]{2}.*?)(?:\s*[(\[|]|\s+[\-–])\s*"
    r"(?P<code>[A-Z]{1,8}(?:[-_./ ]?[A-Z]{1,6})?[-_./ ]?\d[\w./\-]*)\s*[)\]]?$",
    re.S,
)
_CODE_ONLY = re.compile(
    r"^(?=.*\d)(?:[^\W\d_]{1,8}[-_ ./]{0,2}){1,3}\d[\w]*(?:[-_./][\w]+)*$"
    r"|^\d{1,6}(?:[.\-]\d{1,4}){0,4}$|^\d{1,4}[-_.][A-Z]{1,6}[-_.]?\d*$"
)
_VERSION = re.compile(
    r"[\s,(\[_]+(?:v|ver|version|versión|versão|versao|rev|revision|revisión|revisão|révision|issue|ed|edition)(?:[.:\s]*(?P<version>\d+(?:\.\d+)*)|[.:\s]\s*(?P<letter>[A-Z]))[)\]]?(?=\s|$|[-–:,])",
    re.I,
)


_STANDARD = re.compile(
    r"\b(?:ISO|IEC|EN|DIN|ASTM|IPC|NFPA|ANSI|VDE|UNI|CEI|NF|BS|IATF|DGUV|BGV|OHSAS)[ \-]"
    r"[A-Z\-]{0,4}\d[\w.\-:]*\b"
)
_VERSION_ONLY = re.compile(
    r"^(?:v\.?\s?|V\.\s?)\d{1,3}(?:\.\d+){0,2}$|^(?i:ver|vers|version|versión|versão|rev|revision|revisión|revisão|révision"
    r"|issue|indice|índice|wyd|ред|верс)(?:[.:\s]*\d{1,3}(?:\.\d+){0,2}|[.:\s]\s*[A-Z])$"
)


def is_version(text: str) -> bool:
    """Whether a text is a version and nothing else: ``Rev 07``, ``v3.1``, ``Rev. C``."""
    return len(text) <= 14 and bool(_VERSION_ONLY.match(text))


class Label(NamedTuple):
    """A label in its parts; a part that is not there is ``None``."""

    code: str | None
    title: str | None
    version: str | None = None


def split_label(text: str) -> Label:
    """Take the label of an item apart."""
    whole, version = text, None
    match = _VERSION.search(" " + text)
    named = match is not None and re.fullmatch(r"\s+V\d+", match[0]) is not None
    if match:
        version = match["version"] or match["letter"]
        text = ((" " + text)[: match.start()] + " " + (" " + text)[match.end() :]).strip(" ,;:-–")
        text = " ".join(text.split())
    if _CODE_ONLY.match(text) and is_code_text(text):
        return Label(text, None, version)
    if _STANDARD.search(text):  # the number of a standard belongs to the title: "ISO 9001 awareness"
        return Label(None, text, version)
    match = _CODE_FIRST.match(text)
    if match and _is_code(match["code"]) and not _counted(match["code"], match["title"]):
        return Label(match["code"].strip(), match["title"].strip(), version)
    match = _CODE_LAST.match(text)
    if match and is_code_text(match["code"].strip()):
        return Label(match["code"].strip(), match["title"].strip(" -–("), version)
    if named:  # "Packaging line V3" is the name of a machine; versions stand beside numbers of documents
        return Label(None, whole or None)
    return Label(None, text or None, version)


def is_code_text(text: str) -> bool:
    """Whether a text that has the form of a code is one: "SOP 100" is, "Line 3" and "GMP Training 2024" are titles."""
    if is_cjk(text):
        return False
    parts = text.split()
    words = [word for word in parts if any(c.isalpha() for c in word)]
    numbered = sum(map(str.isdigit, parts[-1])) > 1 or parts[-1][0].isdigit() or re.search(r"[-._/]", parts[-1])
    return len(parts) == 1 or (bool(numbered) and len(words) <= 2 and all(word == word.upper() for word in words))


def _is_code(code: str) -> bool:
    return any(c.isdigit() for c in code) and len(code) <= 24


def _counted(code: str, title: str) -> bool:
    """``5 S``, ``1 day course``, ``24 hour rule``: a number that counts the next word is no code; neither is ``3D
    printing``."""
    first = title.split()[0].casefold() if title.split() else ""
    units = (
        "day",
        "days",
        "hour",
        "hours",
        "hr",
        "h",
        "year",
        "years",
        "s",
        "week",
        "weeks",
        "min",
        "tage",
        "stunden",
        "horas",
    )
    return (
        (code.isdigit() and first in units)
        or bool(re.fullmatch(r"\d[A-Za-z]", code))
        or code.endswith(("st", "nd", "rd", "th"))
    )


def split_key(text: str) -> Label:
    """Take the key of a row apart: ``2028 - Packaging-Cell 3`` and ``OP1: Operator`` have a code; names do not."""
    match = re.match(r"^(?P<code>[A-Za-z]{0,4}[-_.]?\d{2,8}[A-Za-z]?)\s*[-–—:|/]\s*(?P<title>\D{2}.*)$", text)
    if match:
        return Label(match["code"], match["title"].strip())
    match = re.match(r"^(?P<title>[^\d(]{3,}?)\s*[(\[]\s*(?P<code>[A-Za-z]{0,4}[-_]?\d{2,8})\s*[)\]]$", text)
    if match:
        return Label(match["code"], match["title"].strip())
    return Label(None, text)
