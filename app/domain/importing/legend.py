"""Finds what the codes of a sheet mean where the sheet says so: beside the title, in one cell, right of the data,
below.

An entry is a short code and a description, joined by a sign (``X = trained``), or standing in neighboring cells, in
either order. Descriptions are understood by the vocabulary; an entry that is not understood is kept as *unknown*, so
that its code is asked for and not guessed.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.domain.importing.lexis import CODE, EMPTY, MARK, SMALL, STATUS
from app.domain.importing.meanings import CodeMeaning, code_meaning
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import Vocabulary, is_cjk, normal, words_of
from app.domain.text import Phrase

_PAIR = re.compile(
    r"^\s*[\"'(\[]?(?P<code>[^\s=:：＝]{1,6}?(?:\s[^\s=:：＝]{1,5}\.(?=\s*=))?)[\"')\]]?\s*(?:=|＝|:|：|→|->|⇒|\s[-–—]\s|…|\.\.\.)\s*(?P<text>\S.*?)\s*$",
    re.S,
)
_BACK = re.compile(r"^\s*(?P<text>[^=]{3,60}?)\s*=\s*[\"'(]?(?P<code>[^\s=]{1,5})[\"')]?\s*$")
_INLINE = re.compile(
    r"(?:(?<=^)|(?<=[\s;,，、；|/(\[]))[\"'(\[]?(?P<code>[^\s=＝:：;,，、|()\[\]\"']{1,5}|[^\W\d_]{6,16}(?=\s?[=＝]))[\"')\]]?\s*(?:=|＝|:|：|\s[-–—]\s)\s*"
)
_DRAWN = re.compile(
    r"(?:(?<=^)|(?<=[\s,;|、，；。()（）\[/・:：\u3000]))(?P<code>[^\w\s,;:|、，；。()（）\[\]\"'=]|〇)"
    r"(?:\s*[:：=＝]\s*|\s+(?:[-–]\s+)?|(?=[^\W\d_]))"
)
_STANDS_FOR = re.compile(
    r"[“\"「『'‘]?(?P<code>[^\s“”\"「」『』；;，,：:]{1,3})[”\"」』'’]?\s?(?:表示|代表)(?P<text>[^；;，,。、\n]{2,20})"
)
_LETTERED = re.compile(r"(?:^|[\s,;|/(])\w{1,3}\s*[=＝:：]")
_SPLIT = re.compile(r"[\n;；|]|\s{3,}|(?<=[^\d]),\s(?=\S{1,5}\s*[=:])")

# Words by which a legend explains a cell without a mark.
_BLANK = frozenset(
    {"空白", "空欄", "空栏", "空", "blank", "empty", "leer", "vacío", "vacio", "vide", "vazio", "빈칸", "공란", "فارغ"}
)
_QUARTERS = frozenset("○◔◑◕◐●")
_PARTLY = frozenset("◔◑◕◐◒")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a legend and where it stands. ``fill`` is the color when color is the code."""

    code: str
    text: str
    row: int
    column: int
    fill: str | None = None


def find_entries(sheet: Sheet, outside: "Outside") -> list[Entry]:
    """All entries of legends in the part of the sheet that is not the matrix itself."""
    entries: list[Entry] = []
    for row in range(min(sheet.height, outside.deepest)):
        if outside.top <= row <= outside.bottom and outside.right >= sheet.width - 1:
            continue
        filled = [column for column in sheet.filled(row) if outside.holds(row, column)]
        for position, column in enumerate(filled):
            text = sheet.grid.value(row, column)
            if isinstance(text, str) and len(text) > 2:
                entries += [Entry(code, words, row, column) for code, words in read_pairs(text, sheet.vocabulary)]
            entries += _neighbors(sheet, row, filled, position)
    entries += _colored(sheet, outside)
    return _best(entries, sheet.vocabulary)


@dataclass(frozen=True, slots=True)
class Outside:
    """The sheet without the rectangle of the matrix, and without the columns left of it."""

    top: int
    bottom: int
    right: int
    deepest: int = 3000

    def holds(self, row: int, column: int) -> bool:
        """Whether a cell lies outside the matrix."""
        return row < self.top or row > self.bottom or column > self.right


def read_pairs(raw: str, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """Codes with descriptions inside one text: ``X = trained; O = not trained``."""
    if len(raw) > 3000:
        return
    drawn = list(_drawn_pairs(_without_title(raw, vocabulary), vocabulary))
    drawn = drawn or [(match["code"], match["text"]) for match in _STANDS_FOR.finditer(raw)]
    if drawn or not any(sign in raw for sign in "=:：＝-–—→"):
        yield from drawn
        return
    for part in _SPLIT.split(_without_title(raw, vocabulary)):
        inline = list(_INLINE.finditer(part))
        if len(inline) > 1:
            for match, following in zip(inline, [*inline[1:], None], strict=True):
                words = part[match.end() : following.start() if following else len(part)].strip(" ,;/-–(")
                if words and _plausible(match["code"], words, vocabulary, "=" in match[0]):
                    yield _in_brackets(match), words
            continue
        pair = _PAIR.match(part)
        if pair and _plausible(pair["code"], pair["text"], vocabulary, "=" in part):
            yield _in_brackets(pair), pair["text"]
        elif (back := _BACK.match(part)) and _is_code(back["code"]) and _understood(back["text"], vocabulary):
            yield back["code"], back["text"]


def pairs_in(values: Iterable[object], vocabulary: Vocabulary) -> int:
    """How many of these values are texts that explain a code."""
    texts = [value for value in values if isinstance(value, str) and len(value) > 3]
    return sum(any(read_pairs(text, vocabulary)) for text in texts)


def _in_brackets(match: re.Match[str]) -> str:
    """The code with round brackets around it, if there are any: ``(x)`` beside ``x`` is a code of its own."""
    start, end = match.span("code")
    around = match.string[start - 1 : end + 1] if start else ""
    return around if around[:1] == "(" and around[-1:] == ")" else match["code"]


def used_codes(legend: Mapping[str, CodeMeaning], used: Container[str]) -> dict[str, CodeMeaning]:
    """A legend without the brackets around codes that the cells do not write in brackets."""
    return {code if code in used else code.strip("()") or code: meaning for code, meaning in legend.items()}


def _drawn_pairs(raw: str, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """Drawn marks, each followed by what it means, with or without a sign between: ``◎ teaches　○ alone``."""
    found = [match for match in _DRAWN.finditer(raw) if vocabulary.mark(match["code"])]
    if not any(match["code"] not in "-–—－/." for match in found) or _LETTERED.search(raw):
        return
    if len(found) == 1 and any(c.isalnum() for c in raw[: found[0].start()].rpartition(":")[2]):
        return  # a mark between words: "classroom + written test"
    pairs = []
    for match, following in zip(found, [*found[1:], None], strict=True):
        words = raw[match.end() : following.start() if following else len(raw)].strip(
            " \t\n\u3000,;|、，；。()（）[]・/"
        )
        if words:
            pairs.append((match["code"], words))
    good = sum((code in _PARTLY or _understood(words, vocabulary)) and len(words) < 80 for code, words in pairs)
    if good * 2 > len(pairs):
        yield from pairs


def _without_title(raw: str, vocabulary: Vocabulary) -> str:
    """The text without a leading "Legend:"."""
    head, sign, rest = raw.replace("：", ":", 1).partition(":")
    titled = vocabulary.is_word("legend", head) or vocabulary.is_word("footer", head)
    nested = len(head) > 1 and re.match(r"\s*\S{1,3}\s*[=＝:]", rest) is not None
    if sign and rest.strip() and (titled or nested):
        return rest
    return raw


def understood(words: str, vocabulary: Vocabulary) -> bool:
    """Whether a description says something about being required, trained or skilled."""
    return _understood(words, vocabulary)


def _plausible(code: str, words: str, vocabulary: Vocabulary, equals: bool) -> bool:
    if (
        not (_is_code(code) or (equals and len(code) <= 16 and code.isalpha() and code[0].isupper()))
        or len(words) > 200
    ):
        return False
    if vocabulary.field_names(code) and not equals and len(code) > 2:
        return False
    return _understood(words, vocabulary) or (equals and any(c.isalpha() for c in words))


def _is_code(code: str) -> bool:
    if (is_cjk(code) and len(code) > 3) or normal(code) in _BLANK:
        return False
    letters = code.replace(".", "").replace(" ", "")  # "n. erf." is as short as "NERF"
    return len(letters) <= 5 and not (code.isalpha() and code.islower() and len(code) > 3 and not is_cjk(code))


def _understood(words: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.detail(words, whole=False) is not None or level_of(words, vocabulary) is not None


def level_of(words: str, vocabulary: Vocabulary) -> int | None:
    """The level that a description names, by the longest phrase found in it."""
    key = normal(words)
    if key in vocabulary.levels:
        return vocabulary.levels[key]
    found = [
        (len(phrase), level)
        for phrase, level in vocabulary.levels.items()
        if (len(phrase) > 3 or is_cjk(phrase)) and (phrase in key if is_cjk(phrase) else f" {phrase} " in f" {key} ")
    ]
    return max(found)[1] if found else None


def _neighbors(sheet: Sheet, row: int, filled: list[int], position: int) -> Iterator[Entry]:
    """A code and its description in two cells, the code left or right."""
    if position + 1 >= len(filled):
        return
    left, right = filled[position], filled[position + 1]
    span = sheet.merged(row, left)
    if right - (span.right if span else left) > 3:
        return
    first, second = sheet.text(row, left), sheet.text(row, right)
    before = filled[position - 1] if position else None
    if before is not None and left - before == 1 and sheet.kinds.at(row, before) in (SMALL, MARK):
        return
    if len(first) > 120 or len(second) > 120:
        return
    if first.strip("=:") and second.startswith("=") and len(second) > 2:
        second = second.lstrip("= ")
    codes = (MARK, CODE, SMALL, STATUS)
    vocabulary = sheet.vocabulary
    first = first.rstrip(" =:-")
    if vocabulary.is_word("legend", first):
        return
    if (
        first
        and sheet.kinds.at(row, left) in codes
        and _is_code(first)
        and len(second) > 2
        and _understood(second, vocabulary)
    ):
        yield Entry(first, second, row, left)
    elif (
        second
        and (sheet.kinds.at(row, right) in (MARK, CODE, STATUS) or _names_level(sheet, row, right, first))
        and _is_code(second)
        and (len(first) > 10 or " " in first)
        and _understood(first, vocabulary)
    ):
        following = filled[position + 2] if position + 2 < len(filled) else None
        if following is None or not (
            _understood(sheet.text(row, following), vocabulary) or sheet.kinds.at(row, following) == SMALL
        ):
            yield Entry(second, first, row, right)


def _names_level(sheet: Sheet, row: int, column: int, words: str) -> bool:
    """A number after a word for a level; after any other words it is a count."""
    return sheet.kinds.at(row, column) == SMALL and normal(words) in sheet.vocabulary.levels


def _colored(sheet: Sheet, outside: Outside) -> Iterator[Entry]:
    """Colors with a description: the colored cell is empty and its neighbor speaks, or it speaks itself."""
    for (row, column), color in sheet.grid.fills.items():
        if not outside.holds(row, column):
            continue
        own = sheet.text(row, column)
        words = own or sheet.text(row, column + 1)
        if words and len(words) > 3 and _understood(words, sheet.vocabulary):
            yield Entry(f"fill:{color}", words, row, column, color)


def _best(entries: list[Entry], vocabulary: Vocabulary) -> list[Entry]:
    """One entry per code: the first that is understood, else the first."""
    best: dict[str, Entry] = {}
    for entry in entries:
        known = best.get(entry.code)
        if known is None or (not _understood(known.text, vocabulary) and _understood(entry.text, vocabulary)):
            best[entry.code] = entry
    return list(best.values())


def entry_meanings(entries: list[Entry], vocabulary: Vocabulary, sheet: str = "") -> dict[str, CodeMeaning]:
    """Meaning of every code of a legend. A row of numbers, or of East Asian marks, with levels of skill is a scale."""
    scale = _is_scale(entries, vocabulary)
    quartered = any(entry.code in "◔◑◕◐" for entry in entries)
    meanings: dict[str, CodeMeaning] = {}
    for entry in entries:
        why = _said(entry.text[:60], sheet)
        level = _scale_level(entry, vocabulary, quartered) if scale else None
        detail = vocabulary.detail(entry.text, whole=False)
        if level is not None:
            meanings[entry.code] = code_meaning("level", 0.95, why, level)
        elif detail:
            meanings[entry.code] = code_meaning(detail, 0.95, why)
        elif level_of(entry.text, vocabulary) is not None:
            meanings[entry.code] = code_meaning("level", 0.85, why, level_of(entry.text, vocabulary))
        else:
            meanings[entry.code] = code_meaning("unknown", 0.3, Phrase("%(why)s (not understood)", why=why))
    return meanings


def _said(text: str, sheet: str) -> Phrase:
    """What a legend says, and on which sheet when it is another one."""
    if sheet:
        return Phrase("the legend on sheet “%(sheet)s” says: %(text)s", sheet=sheet, text=text)
    return Phrase("the legend says: %(text)s", text=text)


def _is_scale(entries: list[Entry], vocabulary: Vocabulary) -> bool:
    digits = [entry for entry in entries if entry.code.lstrip("-").isdigit()]
    statements = sum(_is_statement(entry.text, vocabulary) for entry in digits)
    if _ascends(digits, vocabulary):
        return True
    if len(digits) >= 3 and all(0 <= int(entry.code) <= 10 for entry in digits):
        return statements < len(digits) - 1 or len(digits) > 3
    circles = [
        entry
        for entry in entries
        if entry.code in vocabulary.scales["cjk"] or entry.code in vocabulary.scales["harvey"]
    ]
    if any(
        len([e for e in entries if e.code.casefold() in codes]) >= 3 for codes in (_QUARTERS, vocabulary.scales["iluo"])
    ):
        return True
    levels = [entry for entry in entries if level_of(entry.text, vocabulary) is not None]
    return len(levels) >= 2 and (len(circles) >= 2 or len(levels) >= 3)


_RUNGS = {"not_started": 0.0, "in_progress": 1.0, "held": 3.0, "teaches": 5.0}


def _ascends(digits: list[Entry], vocabulary: Vocabulary) -> bool:
    """Whether numbers stand for more skill the higher they are: not trained, in training, alone, trains others."""
    rungs: dict[int, float] = {}
    for entry in digits:
        level = level_of(entry.text, vocabulary)
        rung = 1.0 + level if level else _RUNGS.get(vocabulary.detail(entry.text, whole=False) or "", -1.0)
        if rung < 0 and level is None:
            return False
        rungs[int(entry.code)] = max(0.0, rung)
    ordered = [rungs[number] for number in sorted(rungs)]
    skilled = any(level_of(entry.text, vocabulary) for entry in digits)
    return skilled and len(ordered) > 1 and ordered == sorted(ordered) and min(rungs) >= 0 and 1 < max(rungs) <= 10


def _is_statement(text: str, vocabulary: Vocabulary) -> bool:
    """A description about being required, valid or expired, rather than about skill."""
    detail = vocabulary.detail(text, whole=False)
    return detail in ("required", "expired", "not_required", "not_started", "planned", "in_progress")


def _scale_level(entry: Entry, vocabulary: Vocabulary, quartered: bool) -> int | None:
    if entry.code.isdigit():
        return int(entry.code)
    level = level_of(entry.text, vocabulary)
    if level is None:
        level = vocabulary.levels.get(normal(entry.code))
    if level is not None:
        return level
    for scale in (vocabulary.scales["iluo"], vocabulary.scales["harvey"] if quartered else {}):
        if entry.code.casefold() in scale:
            return scale[entry.code.casefold()]
    if entry.code in vocabulary.scales["cjk"] and vocabulary.detail(entry.text, whole=False) in (
        "teaches",
        "held",
        "not_started",
        None,
    ):
        return vocabulary.scales["cjk"][entry.code]
    return None


def is_legend_sheet(sheet: Sheet, entries: list[Entry]) -> bool:
    """Whether a sheet is mostly a legend: at least two understood entries, and little else."""
    understood = [entry for entry in entries if _understood(entry.text, sheet.vocabulary)]
    cells = sum(1 for code in sheet.kinds.flat if code != EMPTY)
    named = any(sheet.vocabulary.is_word("legend", word) for word in (sheet.grid.name, *words_of(sheet.grid.name)))
    return len(understood) >= (1 if named else 2) and cells <= 12 + 6 * len(understood)
