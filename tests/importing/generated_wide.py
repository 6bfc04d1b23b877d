"""More ways in which companies lay a matrix out: groups, levels, pairs of columns, stacked parts, remarks."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.importing.generated import PEOPLE, TITLES, WORDS

STATUS = {
    "en": {"held": ("Completed", "Yes"), "required": ("In progress", "Planned", "Overdue"), "not_applicable": ("N/A",)},
    "pt": {
        "held": ("Concluído", "Sim"),
        "required": ("Em andamento", "Pendente"),
        "not_applicable": ("Não aplicável",),
    },
    "es": {"held": ("Realizado", "Sí"), "required": ("En curso", "Pendiente"), "not_applicable": ("No aplica",)},
    "fr": {"held": ("Réalisé", "Oui"), "required": ("En cours", "À faire"), "not_applicable": ("Sans objet",)},
    "de": {"held": ("Abgeschlossen", "Ja"), "required": ("Offen", "Geplant"), "not_applicable": ("Entfällt",)},
}
PAIRS = {
    "en": ("Date", "Expiry date"),
    "pt": ("Data", "Vencimento"),
    "es": ("Fecha", "Vencimiento"),
    "fr": ("Date", "Échéance"),
    "de": ("Datum", "Gültig bis"),
}
EXTRA = {
    "en": {
        "employee_no": "Employee ID",
        "hire": "Hire date",
        "role": "Job title",
        "remarks": "Remarks",
        "percent": "%",
    },
    "pt": {
        "employee_no": "Matrícula",
        "hire": "Data de admissão",
        "role": "Cargo",
        "remarks": "Observações",
        "percent": "%",
    },
    "es": {
        "employee_no": "Nº empleado",
        "hire": "Fecha de ingreso",
        "role": "Puesto",
        "remarks": "Observaciones",
        "percent": "%",
    },
    "fr": {
        "employee_no": "Matricule",
        "hire": "Date d'embauche",
        "role": "Fonction",
        "remarks": "Commentaires",
        "percent": "%",
    },
    "de": {
        "employee_no": "Personalnummer",
        "hire": "Eintrittsdatum",
        "role": "Funktion",
        "remarks": "Bemerkungen",
        "percent": "%",
    },
}


@dataclass
class Wide:
    """A known matrix of people and the rows it was laid out in."""

    language: str
    kind: str
    people: list[str]
    items: list[str]
    cells: dict[tuple[int, int], list[tuple[Any, str]]]
    layout: dict[str, Any]
    rows: list[list[Any]] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many cells mean what."""
        numbers: dict[str, int] = {}
        for parts in self.cells.values():
            for value, meaning in parts:
                if value not in (None, ""):
                    numbers[meaning] = numbers.get(meaning, 0) + 1
        return numbers


@st.composite
def wide_matrices(draw: st.DrawFn) -> Wide:
    """A random matrix of people."""
    language = draw(st.sampled_from(sorted(STATUS)))
    people = draw(st.lists(st.sampled_from(PEOPLE[language]), min_size=4, max_size=6, unique=True))
    if draw(st.booleans()):
        people = [f"{name.split()[1]}, {name.split()[0]}" for name in people]
    items = draw(st.lists(st.sampled_from(TITLES[language]), min_size=4, max_size=5, unique=True))
    layout = {
        name: draw(st.booleans())
        for name in ("groups", "employee_no", "hire", "role", "remarks", "percent", "stacked", "spacer")
    }
    layout["title"] = draw(st.integers(0, 3))
    kind = draw(st.sampled_from(("levels", "status", "pairs", "dates")))
    wide = Wide(language, kind, people, items, {}, layout)
    for row in range(len(people)):
        for column in range(len(items)):
            if row == column or draw(st.integers(0, 3)):
                wide.cells[row, column] = _cell(draw, wide)
    if kind == "levels":
        wide.cells[0, 0], wide.cells[1, 1] = [(3, "level")], [(2, "level")]
    _lay(wide)
    return wide


def _cell(draw: st.DrawFn, wide: Wide) -> list[tuple[Any, str]]:
    if wide.kind == "levels":
        return [(draw(st.integers(0, 4)), "level")]
    day = date(2020, 1, 1) + timedelta(days=draw(st.integers(0, 1500)))
    if wide.kind == "pairs":
        return [(day, "held_with_date"), (day + timedelta(days=730) if draw(st.booleans()) else None, "held_with_date")]
    if wide.kind == "dates":
        return [(day, "held_with_date")]
    meaning = draw(st.sampled_from(("held", "required", "not_applicable")))
    return [(draw(st.sampled_from(STATUS[wide.language][meaning])), meaning)]


def _lay(wide: Wide) -> None:
    words, extra, layout = WORDS[wide.language], EXTRA[wide.language], wide.layout
    wide.rows += [[words["title"]], ["FB-017", "Rev. 2"], []][: layout["title"]]
    left = [words["person"]]
    left += [extra[name] for name in ("employee_no", "role", "hire") if layout[name]]
    if layout["spacer"]:
        left.append("")
    parts = 2 if wide.kind == "pairs" else 1
    right = [extra[name] for name in ("percent", "remarks") if layout[name]]
    top = len(wide.rows)
    if layout["groups"] and parts == 1:
        half = len(wide.items) // 2
        wide.rows.append(
            [*[None] * len(left), "GMP", *[None] * (half - 1), "EHS", *[None] * (len(wide.items) - half - 1)]
        )
        wide.merges.append((top, len(left), top, len(left) + half - 1))
        wide.merges.append((top, len(left) + half, top, len(left) + len(wide.items) - 1))
    _header(wide, left, right, parts)
    header = wide.rows[-1]
    for number, name in enumerate(wide.people):
        if layout["stacked"] and number == len(wide.people) // 2 and parts == 1:
            wide.rows += [[], list(header)]
        row: list[Any] = [name]
        row += [f"M{1000 + number}"] if layout["employee_no"] else []
        row += [("Operator", "Analyst")[number % 2]] if layout["role"] else []
        row += [date(2015, 1 + number, 10 + number)] if layout["hire"] else []
        row += [None] if layout["spacer"] else []
        for column in range(len(wide.items)):
            row += [value for value, _ in wide.cells.get((number, column), [(None, "")] * parts)]
        row += [0.25 * number] if layout["percent"] else []
        row += ["see file of the department" if number == 1 else None] if layout["remarks"] else []
        wide.rows.append(row)


def _header(wide: Wide, left: list[str], right: list[str], parts: int) -> None:
    if parts == 1:
        wide.rows.append([*left, *wide.items, *right])
        return
    row = len(wide.rows)
    first: list[Any] = [None] * len(left)
    for position, item in enumerate(wide.items):
        first += [item, None]
        wide.merges.append((row, len(left) + 2 * position, row, len(left) + 2 * position + 1))
    wide.rows.append(first)
    wide.rows.append([*left, *list(PAIRS[wide.language]) * len(wide.items), *right])
