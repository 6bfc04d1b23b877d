"""Text files as spreadsheets: encoding, delimiter, and texts that no spreadsheet program may take for a formula.

Loaded by path in the reading and the editing process, so it imports nothing of the application.
"""

import csv
import io
import re
from typing import Any

from charset_normalizer import from_bytes

_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """A text that no spreadsheet program takes for a formula: an apostrophe before ``= + - @``, tab and return."""
    return f"'{text}" if _DANGEROUS.match(text) and len(text) > 1 else text


def unguarded(text: str) -> str:
    """The text without the apostrophe of :func:`guarded`."""
    return text[1:] if _GUARDED.match(text) else text


def quoted(text: str, delimiter: str) -> str:
    """A cell as it stands in a line: in quotes where it holds the delimiter, a quote, the end of a line, outer
    blanks."""
    if text == text.strip() and not any(sign in text for sign in (delimiter, '"', "\n", "\r")):
        return text
    return '"' + text.replace('"', '""') + '"'


def decode(data: bytes) -> str:
    """Text of bytes: by its mark, as UTF-8, else by the most likely legacy code page."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(legacy_encoding(data), "replace")


# Letters beyond ASCII of languages, by code page; where two explain a text equally well, the first counts.
_WESTERN = "áàâãçéêíóôõúüºª áéíóúüñºª àâæçéèêëîïôœùûüÿ äöüßéµ àèéìíîòóùºª áéèëïêóöüá æøåéöäü åäöéü àçèéíïòóúüñ"
_CODE_PAGES = {
    "cp1252": _WESTERN,
    "cp1250": "ąćęłńóśźż áčďéěíňóřšťúůýžäöü áäčďéíĺľňóôŕšťúýž áéíóöőúüű ăâîşţ čćđšž äöüß",
    "cp1254": "çğıiöşüâîû",
    "cp1257": "āčēģīķļņšūž ąčęėįšųūž äöõüšž",
    "cp1251": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "cp1253": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
    "mac_roman": _WESTERN,
    "cp850": _WESTERN,
    "cp852": "ąćęłńóśźż áčďéěíňóřšťúůýž áéíóöőúüű ăâîşţ čćđšž",
    "cp866": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
}
_QUOTES, _SIGNS = "‘’“”„«»", "€£§°²³½±×·•…–—®©™\u00a0µ"


def legacy_encoding(data: bytes) -> str:
    """The code page of a text that is no Unicode: the one in which its accented letters stand in words as they do in a
    language of that code page, else what statistics say."""
    sample = data[:400_000]
    scores = {name: _plausible(sample.decode(name, "replace"), tongues) for name, tongues in _CODE_PAGES.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] > 0.8:
        return best
    found = from_bytes(sample).best()
    return found.encoding if found else "cp1252"


def _plausible(text: str, tongues: str) -> float:
    """How well the characters beyond ASCII fit the language that they fit best, per character, at most 1."""
    words = re.findall(r"[^\s;,|]*[^\x00-\x7f][^\s;,|]*", text[:100_000])
    total = sum(ord(sign) > 127 for word in words for sign in word)
    return max(sum(_fits(word, tongue) for word in words) / max(1, total) for tongue in tongues.split())


def _fits(word: str, tongue: str) -> float:
    """The worth of the characters beyond ASCII in one word."""
    strange = sum(ord(sign) > 127 and sign.isalpha() for sign in word)
    latin = any(sign.isascii() and sign.isalpha() for sign in word)
    foreign = tongue[0] in "аα"
    if (foreign and latin) or (not foreign and len(word) > 3 and strange > 0.6 * len(word)):
        return -float(strange)
    worth = 0.0
    for position, sign in enumerate(word):
        if ord(sign) < 128:
            continue
        before, after = word[position - 1 : position], word[position + 1 : position + 2]
        if (sign in "ºª" and (before not in "0123456789nN" or after.isalpha())) or (
            sign in "ãõ" and after.isalpha() and after not in "oes"
        ):  # bytes that mean another letter in Romanian and Hungarian
            worth -= 0.5
        elif sign.casefold() in tongue or (sign == "İ" and "ı" in tongue):
            worth += -1.0 if sign.isupper() and before.islower() else 1.0
        elif sign in _QUOTES or (sign in _SIGNS and not before.isalpha() and not after.isalpha()):
            worth += 0.95
        else:
            worth -= 1.0
    return worth


def delimiter_of(text: str) -> tuple[str, str]:
    first = text.split("\n", 1)[0].strip().lower()
    if re.fullmatch(r"sep=.", first):
        return first[4], text.split("\n", 1)[1] if "\n" in text else ""
    lines = [line for line in text.split("\n", 60)[:60] if line.strip()]
    best, best_score = ",", 0.0
    for sign in ",;\t|":
        counts = [line.count(sign) for line in lines]
        typical = max(set(counts), key=counts.count) if counts else 0
        score = (
            typical * (counts.count(typical) / len(counts)) + 0.1 * sum(counts) / max(1, len(counts)) if counts else 0
        )
        if score > best_score:
            best, best_score = sign, score
    return best, text


def rows_of(text: str) -> Any:
    """The reader of the rows of a text, with the delimiter that fits."""
    csv.field_size_limit(1_000_000)
    delimiter, body = delimiter_of(text)
    return csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)


def encoding_of(data: bytes) -> str:
    """The encoding in which a text file can be written back."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return legacy_encoding(data)
    return "utf-8"
