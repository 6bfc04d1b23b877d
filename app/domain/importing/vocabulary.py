"""The words by which a matrix is recognized, whatever its language; read from ``seed_data/vocabularies`` by a service.

A vocabulary answers four questions about a text: which column does it name (:meth:`Vocabulary.field`), what does it say
about a person and an item (:meth:`Vocabulary.detail`), how many months or hours is it, and does it look like a job
function, a course, a first name. All comparisons ignore capitals, accents and punctuation at the ends.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

_EDGES = " \t:;.,*!?\"'`´’()[]{}<>"
# Names of columns that may come with one more word ("Colleague name", "Actual hours"); others must stand alone, since
# "QA Manager" is no column of managers and "SOP training" may be a course.
_SHARING = frozenset(
    {
        "person",
        "employee_no",
        "date",
        "hours",
        "validity",
        "version",
        "comment",
        "total",
        "hire_date",
        "item_code",
        "expiry",
    }
)
# Small words inside names of columns: "N° de procédure", "date of hire".
_LINKS = frozenset(
    re.split(
        " ",
        "de des du d di del della delle dei degli da do dos das of the la le les l el los las der die das für for per "
        "para pour por zum zur von",
    )
)
_THINGS = frozenset({"item", "item_code", "item_title", "role", "user_group"})
_NUMBERS = frozenset(
    re.split(
        " ",
        "no nr n n° nº num number numero nummer code codigo cod codice id ref reference referencia referenz clave",
    )
)
# Endings of the plural; "required courses", "formations complémentaires", "treinamentos complementares".
_PLURALS = ("s$", "es$")
_COMPOUND = re.compile(
    r"^(?P<stem>[^\W\d_]{3,})(?P<last>nummer|nr|code|kennung|bezeichnung|titel|name|naam|thema|omschrijving|datum)$"
)
# Pictures before or behind words: "✅ Completed", "Course 📘". A picture alone stays what it is.
_PICTURES = re.compile(
    "^[\u2600-\u27bf\u2b00-\u2bff\u23e9-\u23fa\u231a\u231b\ufe0f\u200d\U0001f300-\U0001faff]+ *(?=[^\\W\\d_]{2})"
    "|(?<=[^\\W\\d_]{2}) *[\u2600-\u27bf\u2b00-\u2bff\u23e9-\u23fa\u231a\u231b\ufe0f\u200d\U0001f300-\U0001faff]+$"
)
# Where a name of a column without spaces falls into words: ``EmployeeID``, ``daysToComplete``.
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SPLIT = re.compile(r"[\s/\\|,;:()\[\]_\-–—.]+")


# Traditional Chinese characters of the trade and their simplified forms, so that one list of words serves both. Words
# in Japanese are compared in the same way on both sides.
_SIMPLIFIED = str.maketrans(
    "訓課選員號職稱單門級術證認識關資質產業務備註說圖檢驗測試續應該須過達標準機設裝組線廠區長經處總計劃畫實際時間數學習師講獨"
    "導進階練會無與從為執環電氣銷採購倉庫貨運輸檔編製審體護險責報錄記籤簽發結輔專優節極戶點樣種類範圍廣開閉動轉換調適評價強對"
    "團隊內隨確個們兩幾還請讀寫問題頁頭後臺萬歲歷醫藥廢異變壓縮塗鑄鍛銑鑽車鉗釋釘錫銲衝膠燒滅災緊傷衛潔淨鍵據網絡軟層碼語華國"
    "東樓廳場崗補復檯勞僱離遲幹貼鎖維養觀視聽顏圓",
    "训课选员号职称单门级术证认识关资质产业务备注说图检验测试续应该须过达标准机设装组线厂区长经处总计划画实际时间数学习师讲独"
    "导进阶练会无与从为执环电气销采购仓库货运输档编制审体护险责报录记签签发结辅专优节极户点样种类范围广开闭动转换调适评价强对"
    "团队内随确个们两几还请读写问题页头后台万岁历医药废异变压缩涂铸锻铣钻车钳释钉锡焊冲胶烧灭灾紧伤卫洁净键据网络软层码语华国"
    "东楼厅场岗补复台劳雇离迟干贴锁维养观视听颜圆",
)


@lru_cache(maxsize=200_000)
def normal(text: str) -> str:
    """Casefolded, without accents of Latin letters, with single spaces and without punctuation at the ends."""
    text = text.replace("\u00a0", " ").replace("’", "'")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_SIMPLIFIED)
        decomposed = unicodedata.normalize("NFD", text.casefold())
        text = unicodedata.normalize("NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f"))
    stripped = " ".join(text.casefold().split())
    if _PICTURES.search(stripped):
        stripped = _PICTURES.sub("", stripped).strip() or stripped
    return stripped.strip(_EDGES) or stripped


def words_of(text: str) -> list[str]:
    """The words of a text, normalized."""
    return [word for word in _SPLIT.split(normal(text)) if word]


def is_cjk(text: str) -> bool:
    """Whether a text is written in Chinese, Japanese or Korean characters, at least partly."""
    return any("\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in text)


@dataclass(slots=True, eq=False)
class Vocabulary:
    """Words of all languages together, normalized. Built by :func:`build_vocabulary`."""

    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    months: dict[str, int] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    periods: dict[str, int] = field(default_factory=dict)
    once: frozenset[str] = frozenset()
    every: frozenset[str] = frozenset()
    words: dict[str, frozenset[str]] = field(default_factory=dict)
    marks: dict[str, frozenset[str]] = field(default_factory=dict)
    scales: dict[str, dict[str, int]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    given_names: frozenset[str] = frozenset()
    _phrases: list[tuple[str, str]] = field(default_factory=list)
    _fields: dict[str, frozenset[str]] = field(default_factory=dict)
    _header_words: frozenset[str] = frozenset()
    _endings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _details: dict[str, str | None] = field(default_factory=dict)

    def field_names(self, text: str) -> frozenset[str]:
        """All the columns that a header text may name, best ones only; empty when it names none of them.

        A text names a column when it is one of its words, or when one of its words makes up at least half of it.
        """
        found = self._cached_fields(normal(text))
        if not found and " " not in text.strip() and len(text) < 60 and _CAMEL.search(text):
            return self._cached_fields(normal(_CAMEL.sub(" ", text)))
        return found

    def _cached_fields(self, key: str) -> frozenset[str]:
        if key not in self._fields:
            self._fields[key] = self._find_fields(key)
        return self._fields[key]

    def _find_fields(self, key: str) -> frozenset[str]:
        if not key or len(key) > 60:
            return frozenset()
        direct = self.fields.get(key) or self.fields.get(" ".join(words_of(key)))
        if direct:
            return direct
        if key.startswith("%") or key.endswith("%"):
            return frozenset({"total"})
        if " " in key and is_cjk(key) and key.replace(" ", "") in self.fields:
            return self.fields[key.replace(" ", "")]
        numbered = re.sub(r"\s*(?:#|№|n[º°o]\b\.?)", " no", key).strip()
        if numbered != key and numbered in self.fields:
            return self.fields[numbered]
        inner = re.sub(r"\s*[(\[].*?(?:[)\]]\s*|$)", " ", key).strip(_EDGES)
        if inner != key and inner in self.fields:
            return self.fields[inner]
        parts = [part.strip(_EDGES) for part in re.split(r"\s*[/|\n(]\s*|\s[-–]\s", key)]
        found = [self.fields[part] for part in parts if len(part) > 1 and part in self.fields]
        if found and len(found) * 2 >= len(parts):
            return frozenset().union(*found)
        if key.endswith("#") and key[:-1].strip() in self.fields:
            return self.fields[key[:-1].strip()]
        return self._by_parts(key) or self._compound(key) or self._by_share(key) or self._signature(key)

    def _compound(self, key: str) -> frozenset[str]:
        """One word made of two, as German and Dutch make them: ``Kursnummer``, ``Schulungsdatum``, ``cursusnaam``."""
        match = _COMPOUND.match(key)
        if not match:
            return frozenset()
        stem = match["stem"]
        thing = next((found for end in ("", "s", "en", "n") if (found := self._stem(stem, end))), frozenset())
        if match["last"] in ("datum",):
            return frozenset({"date"}) if thing & _THINGS else frozenset()
        named = match["last"] in ("bezeichnung", "titel", "name", "naam", "thema", "omschrijving")
        if "person" in thing:
            return frozenset({"person" if named else "employee_no"})
        if thing & {"item", "item_title"}:
            return frozenset({"item" if named else "item_code"})
        return thing & {"role", "user_group"} if named else frozenset()

    def _stem(self, stem: str, end: str) -> frozenset[str]:
        cut = stem[: len(stem) - len(end)] if end and stem.endswith(end) else stem
        return self.fields.get(cut) or self.fields.get(cut + "en") or frozenset()

    def _signature(self, key: str) -> frozenset[str]:
        """``Signature matin``, ``Firma del trabajador 1``: a word for signature first, whatever follows."""
        words = words_of(key)
        first = self.fields.get(words[0], frozenset()) if 1 < len(words) <= 4 else frozenset()
        return frozenset({"signature"}) if first == {"signature"} else frozenset()

    def _by_parts(self, key: str) -> frozenset[str]:
        """Two names joined, with or without a small word: the same column twice ("retraining frequency"), or a number
        of something ("N° de procédure", "role id")."""
        words = [word for word in words_of(key) if word not in _LINKS]
        if len(words) != 2 or any(c.isdigit() for c in key):
            return frozenset()
        first, second = (self.fields.get(word, frozenset()) for word in words)
        both = first & second & _SHARING
        if both:
            return both
        if "item" in second and (
            first & {"item", "item_title"} or words[0] in ("nom", "nome", "nombre", "name", "naam")
        ):
            return frozenset({"item"})
        number, word = words if words[0] in _NUMBERS else (words[1], words[0])
        counted = words[0] == number and len(words_of(key)) > 2 and word.endswith("s")
        if number not in _NUMBERS or word in _NUMBERS or counted or " of " in key:
            return frozenset()
        thing = self.fields.get(word, frozenset())
        if thing & {"person", "employee_no"}:
            return frozenset({"employee_no"})
        if thing == {"user_group"}:
            return thing
        if "role" in thing:
            return frozenset({"item_code", "role"})
        return frozenset({"item_code"}) if thing & _THINGS else frozenset()

    def _by_share(self, key: str) -> frozenset[str]:
        words = words_of(key)
        if len(words) > 3 or any(c.isdigit() for c in key):
            return frozenset()
        for size in range(len(words) - 1, 0, -1):
            if size * 2 < len(words):
                break
            for start in (len(words) - size, *range(len(words) - size)):
                found = self.fields.get(" ".join(words[start : start + size]))
                found = (found or frozenset()) & _SHARING
                rest = [*words[:start], *words[start + size :]]
                if len(" ".join(words[start : start + size])) < 3:
                    continue
                if "employee_no" in found and any("equipment" in self.fields.get(word, ()) for word in rest):
                    return frozenset({"item_code", "equipment"})  # "Matricola macchina" is the number of a machine
                if found and size * 2 >= len(words) and all(word in self._header_words for word in rest):
                    return found
        return frozenset()

    def names_field(self, text: str, *names: str) -> bool:
        """Whether a header text names one of these columns."""
        return not self.field_names(text).isdisjoint(names)

    def exact_field(self, text: str, *names: str) -> bool:
        """Like :meth:`names_field`, but the whole text must be the word."""
        return not self.fields.get(normal(text), frozenset()).isdisjoint(names)

    def detail(self, text: str, whole: bool = True) -> str | None:
        """What a status word or a legend's description says, as one of the details of ``meanings.DETAILS``.

        ``whole`` asks for the text as it stands; otherwise the longest phrase found inside it counts.
        """
        key = normal(text)
        if key in self.meanings:
            return self.meanings[key]
        if whole or not key:
            return None
        if key not in self._details:
            self._details[key] = self._search(key)
        return self._details[key]

    def _search(self, key: str) -> str | None:
        words = words_of(key)
        singular = [[re.sub(ending, "", word) if len(word) > 4 else word for word in words] for ending in _PLURALS]
        forms = [words, *(form for form in singular if form != words)]
        found = next((found for form in forms if (found := self._search_in(key, form))), None)
        endings = self._endings.get("training", ())
        return found or ("training" if endings and any(word.endswith(endings) for word in words) else None)

    def _search_in(self, key: str, words: list[str]) -> str | None:
        padded = f" {' '.join(words)} "
        found: list[str] = []
        for phrase, detail in self._phrases:
            if found and len(phrase) < 4 and not is_cjk(phrase):
                break
            if is_cjk(phrase):
                if phrase in key:
                    found.append(detail)
                    key = key.replace(phrase, "\n")
            elif f" {phrase} " in padded:
                if (
                    len(phrase) < 4
                    and detail == "not_required"
                    and not re.match(rf"{re.escape(phrase)}\s*[^\w\s]", key)
                ):
                    continue  # "No card" is no "no", "No - declined" is one
                found.append(detail)
                padded = padded.replace(f" {phrase} ", " | ")
        return _together(found)

    def has_word(self, group: str, text: str) -> bool:
        """Whether a text contains a word of this group (``role``, ``item`` …), or one that ends like them
        (``Werkstattleiter``); East Asian words anywhere in it."""
        known = self.words.get(group, frozenset())
        key = normal(text)
        words = words_of(key)
        if key in known or any(word in known for word in words):
            return True
        endings = self._endings.get(group)
        if endings and any(word.endswith(endings) and len(word) > 6 for word in words):
            return True
        return is_cjk(key) and any(word in key for word in known if is_cjk(word))

    def is_word(self, group: str, text: str) -> bool:
        """Whether a text as it stands is a word of this group."""
        return normal(text) in self.words.get(group, frozenset())

    def starts_word(self, group: str, text: str) -> bool:
        """Whether a text is a word of this group, or begins with one, followed by a colon or more words."""
        key = normal(text)
        known = self.words.get(group, frozenset())
        if key in known:
            return True
        words = words_of(key)
        return any(" ".join(words[:size]) in known for size in range(min(4, len(words)), 0, -1))

    def ends_word(self, group: str, text: str) -> bool:
        """Whether a text ends with a word of this group; an East Asian text, whether such a word is in it."""
        key = normal(text)
        known = self.words.get(group, frozenset())
        words = words_of(key)
        if any(" ".join(words[-size:]) in known for size in range(min(4, len(words)), 0, -1)):
            return True
        return is_cjk(key) and any(word in key for word in known if is_cjk(word))

    def has_given_name(self, text: str) -> bool:
        """Whether one of the words is a common first name somewhere."""
        return any(word in self.given_names for word in words_of(text))

    def mark(self, text: str) -> str | None:
        """The kind of mark a text is: ``yes``, ``no``, ``dash``, ``circles`` or ``cross``; ``None`` for anything
        else."""
        key = text.strip()
        if len(key) > 4:
            return None
        for kind in ("circles", "cross", "yes", "no", "dash"):
            if key in self.marks.get(kind, frozenset()) or normal(key) in self.marks.get(kind, frozenset()):
                return kind
        return None


def _together(details: list[str]) -> str | None:
    """What the phrases of one description, longest first, say together: "required, expired", "trained, not required".

    Whether training is there counts before whether it is asked for; what has lapsed or is missing counts as such.
    """
    if not details:
        return None
    lacking = next((detail for detail in details if detail in ("expired", "not_started")), None)
    asked = {"required", "not_required"} & set(details)
    if asked and "held" in details and not lacking:
        return "held"
    if "not_required" in details:
        return "not_required"
    return lacking if lacking and (asked or "held" in details) else details[0]
