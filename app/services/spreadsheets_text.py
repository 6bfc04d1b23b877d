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
        best = from_bytes(data[:400_000]).best()
        return data.decode(best.encoding if best else "cp1252", "replace")


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
        best = from_bytes(data[:400_000]).best()
        return best.encoding if best else "cp1252"
    return "utf-8"
