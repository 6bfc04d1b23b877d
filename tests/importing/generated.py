"""Lays a known matrix out in random ways, as companies do, so that recognizing it must give the known matrix back."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

PEOPLE = {
    "en": [
        "Ana Lee",
        "Robert Smith",
        "Mary Jones",
        "David Brown",
        "Linda White",
        "James Clark",
        "Susan Hall",
        "Peter Young",
    ],
    "pt": [
        "João Pereira",
        "Mariana Souza",
        "Carlos Lima",
        "Fernanda Alves",
        "Paulo Gomes",
        "Beatriz Rocha",
        "Lucas Moraes",
    ],
    "es": ["Lucía Fernández", "Javier Romero", "Carmen Ortega", "Diego Navarro", "Elena Vidal", "Pablo Iglesias"],
    "fr": ["Claire Dubois", "Julien Moreau", "Sophie Laurent", "Nicolas Petit", "Camille Girard", "Marc Lefèvre"],
    "de": ["Anna Schmidt", "Thomas Weber", "Julia Becker", "Stefan Koch", "Katrin Wolf", "Markus Richter"],
}
ROLES = {
    "en": ["Operator", "QA Manager", "Lab Analyst", "Warehouse Clerk", "Maintenance Technician", "Shift Supervisor"],
    "pt": ["Operador", "Analista da Qualidade", "Gerente de Produção", "Técnico de Manutenção", "Auxiliar de Limpeza"],
    "es": ["Operario", "Jefe de Calidad", "Técnico de Laboratorio", "Supervisor de Turno", "Auxiliar de Almacén"],
    "fr": ["Opérateur", "Responsable qualité", "Technicien de laboratoire", "Magasinier", "Chef d'équipe"],
    "de": ["Anlagenfahrer", "Leiter Qualität", "Laborant", "Lagerist", "Schichtleiter", "Techniker"],
}
TITLES = {
    "en": [
        "Gowning",
        "Line clearance",
        "Fire safety",
        "Forklift driving",
        "Deviation handling",
        "Good documentation practice",
        "Hygiene",
    ],
    "pt": [
        "Higiene pessoal",
        "Limpeza de área",
        "Segurança contra incêndio",
        "Boas práticas de fabricação",
        "Controle de pragas",
    ],
    "es": [
        "Limpieza de equipos",
        "Seguridad industrial",
        "Buenas prácticas",
        "Manejo de residuos",
        "Primeros auxilios",
    ],
    "fr": ["Habillage en zone", "Sécurité incendie", "Gestion des écarts", "Bonnes pratiques", "Nettoyage des locaux"],
    "de": [
        "Hygieneschulung",
        "Arbeitssicherheit",
        "Umgang mit Gefahrstoffen",
        "Gabelstapler",
        "Lenkung von Dokumenten",
    ],
}
WORDS = {
    "en": {
        "person": "Employee name",
        "role": "Job title",
        "item": "Training course",
        "hours": "Duration (hours)",
        "validity": "Validity",
        "title": "Training matrix",
        "department": "Department",
        "number": "No.",
        "total": "Total",
        "legend": "Legend",
        "required": "Required",
        "optional": "Optional",
        "na": "Not applicable",
        "held": "Trained",
        "missing": "Not trained",
    },
    "pt": {
        "person": "Nome do colaborador",
        "role": "Cargo",
        "item": "Treinamento",
        "hours": "Carga horária",
        "validity": "Validade",
        "title": "Matriz de treinamento",
        "department": "Setor",
        "number": "Nº",
        "total": "Total",
        "legend": "Legenda",
        "required": "Obrigatório",
        "optional": "Complementar",
        "na": "Não aplicável",
        "held": "Treinado",
        "missing": "Não treinado",
    },
    "es": {
        "person": "Nombre del empleado",
        "role": "Puesto",
        "item": "Capacitación",
        "hours": "Duración",
        "validity": "Periodicidad",
        "title": "Matriz de capacitación",
        "department": "Área",
        "number": "Nº",
        "total": "Total",
        "legend": "Leyenda",
        "required": "Obligatorio",
        "optional": "Recomendado",
        "na": "No aplica",
        "held": "Capacitado",
        "missing": "No capacitado",
    },
    "fr": {
        "person": "Nom et prénom",
        "role": "Fonction",
        "item": "Formation",
        "hours": "Durée",
        "validity": "Périodicité",
        "title": "Matrice de formation",
        "department": "Service",
        "number": "N°",
        "total": "Total",
        "legend": "Légende",
        "required": "Obligatoire",
        "optional": "Recommandé",
        "na": "Non applicable",
        "held": "Formé",
        "missing": "Non formé",
    },
    "de": {
        "person": "Mitarbeiter",
        "role": "Funktion",
        "item": "Schulung",
        "hours": "Dauer",
        "validity": "Turnus",
        "title": "Schulungsmatrix",
        "department": "Abteilung",
        "number": "Nr.",
        "total": "Summe",
        "legend": "Legende",
        "required": "Pflicht",
        "optional": "Empfohlen",
        "na": "Nicht zutreffend",
        "held": "Geschult",
        "missing": "Nicht geschult",
    },
}
YEARS = {"en": "2 years", "pt": "2 anos", "es": "2 años", "fr": "2 ans", "de": "2 Jahre"}
MONTHS = {"en": "6 months", "pt": "6 meses", "es": "6 meses", "fr": "6 mois", "de": "6 Monate"}


@dataclass
class Known:
    """A matrix whose every cell is known, and the way it is laid out."""

    language: str
    people: bool
    subjects: list[str]
    items: list[tuple[str | None, str]]
    cells: dict[tuple[int, int], tuple[Any, str]]
    hours: list[int] | None
    months: list[int] | None
    layout: dict[str, Any]
    rows: list[list[Any]] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many cells mean what."""
        numbers: dict[str, int] = {}
        for _, meaning in self.cells.values():
            numbers[meaning] = numbers.get(meaning, 0) + 1
        return numbers


def date_cell(day: date, style: str, language: str) -> Any:
    """A day in the style of the sheet."""
    if style == "real":
        return day
    if style == "iso":
        return day.isoformat()
    return day.strftime("%d.%m.%Y") if style == "dots" else day.strftime("%d/%m/%Y")


@st.composite
def known_matrices(draw: st.DrawFn) -> Known:
    """A random matrix in a random layout."""
    language = draw(st.sampled_from(sorted(WORDS)))
    words, people = WORDS[language], draw(st.booleans())
    pool = PEOPLE[language] if people else ROLES[language]
    subjects = draw(st.lists(st.sampled_from(pool), min_size=3, max_size=len(pool), unique=True))
    titles = draw(st.lists(st.sampled_from(TITLES[language]), min_size=3, max_size=len(TITLES[language]), unique=True))
    coded = draw(st.booleans())
    items = [(f"SOP-{number:03d}" if coded else None, title) for number, title in enumerate(titles, 1)]
    layout = {
        "transposed": draw(st.booleans()),
        "block": draw(st.integers(0, 5)),
        "code_row": coded and draw(st.booleans()),
        "meta": draw(st.sampled_from(("above", "below"))),
        "department": draw(st.booleans()),
        "numbered": draw(st.booleans()),
        "legend": draw(st.sampled_from(("none", "top", "bottom", "right"))),
        "footer": draw(st.booleans()),
        "blank_after_header": draw(st.booleans()),
        "section": draw(st.booleans()),
        "dates": draw(st.sampled_from(("real", "iso", "dots", "slashes"))),
    }
    hours = [draw(st.integers(1, 40)) for _ in items] if draw(st.booleans()) else None
    months = [draw(st.sampled_from((6, 24))) for _ in items] if draw(st.booleans()) else None
    known = Known(language, people, subjects, items, {}, hours, months, layout)
    codes = _codes(draw, known, words)
    for row in range(len(subjects)):
        for column in range(len(items)):
            picked = draw(st.sampled_from(codes))
            if row == column or picked is not None:
                known.cells[row, column] = _cell(draw, picked or codes[0], known)
    Layouter(known, words).lay()
    return known


def _codes(draw: st.DrawFn, known: Known, words: dict[str, str]) -> list[tuple[Any, str] | None]:
    """Codes with their meaning, the first one the most telling; ``None`` is an empty cell."""
    explained = known.layout["legend"] != "none"
    if known.people:
        kind = draw(st.sampled_from(("dates", "marks", "codes") if explained else ("dates", "marks")))
        if kind == "dates":
            return [("DATE", "held_with_date"), ("DATE", "held_with_date"), ("N/A", "not_applicable"), None]
        if kind == "marks":
            return [("x", "held"), ("N/A", "not_applicable"), None]
        return [("K", "held"), ("W", "required"), ("Z", "not_applicable"), None]
    kind = draw(st.sampled_from(("marks", "codes") if explained else ("marks",)))
    if kind == "marks":
        return [(draw(st.sampled_from(("X", "✓", "●"))), "required"), None]
    return [("K", "required"), ("W", "not_required"), ("Z", "not_applicable"), None]


def _cell(draw: st.DrawFn, picked: tuple[Any, str], known: Known) -> tuple[Any, str]:
    if picked[0] != "DATE":
        return picked
    # a day after the twelfth, so that day and month cannot be exchanged
    day = date(2019, 1, 1) + timedelta(days=draw(st.integers(0, 2000)))
    day = day.replace(day=13 + day.day % 15)
    return date_cell(day, known.layout["dates"], known.language), "held_with_date"


class Layouter:
    """Writes a known matrix into rows."""

    def __init__(self, known: Known, words: dict[str, str]) -> None:
        self.known, self.words = known, words
        self.rows = known.rows

    def lay(self) -> None:
        """Title block, header zone, body, footer, legend."""
        layout = self.known.layout
        block = [[self.words["title"]], [None, "Rev.: 3"], ["FB-017"], [], ["2024"]]
        self.rows += block[: layout["block"]]
        if layout["block"]:
            self.rows.append([])
        self._legend("top")
        first = len(self.rows)
        self._across() if layout["transposed"] else self._upright()
        if layout["footer"] and not layout["transposed"]:
            self._footer()
        self._legend("bottom")
        self._legend("right", first)

    def _explained(self) -> list[tuple[str, str]]:
        used = {
            meaning: code for code, meaning in self.known.cells.values() if isinstance(code, str) and len(code) <= 3
        }
        names = {"required": "required", "not_required": "optional", "not_applicable": "na", "held": "held"}
        if self.known.people:
            names["required"] = "missing"
        return [(code, self.words[names[meaning]]) for meaning, code in used.items() if meaning in names]

    def _legend(self, where: str, first: int = 0) -> None:
        if self.known.layout["legend"] != where:
            return
        entries = self._explained()
        if where == "top":
            self.rows.append([self.words["legend"] + ": " + "; ".join(f"{code} = {text}" for code, text in entries)])
            self.rows.append([])
        elif where == "bottom":
            self.rows += [[], [self.words["legend"]], *([code, text] for code, text in entries)]
        else:
            width = max(len(row) for row in self.rows) + 1
            for offset, (code, text) in enumerate(entries):
                while len(self.rows) <= first + offset:
                    self.rows.append([])
                row = self.rows[first + offset]
                row += [None] * (width - len(row)) + [code, text]

    def _left(self) -> list[str]:
        layout, words = self.known.layout, self.words
        left = [words["number"]] if layout["numbered"] else []
        left.append(words["person"] if self.known.people else words["role"])
        return [*left, words["department"]] if layout["department"] else left

    def _upright(self) -> None:
        known, layout, words = self.known, self.known.layout, self.words
        left = self._left()
        metas = []
        for what, values in (("hours", known.hours), ("validity", known.months)):
            if values:
                metas.append([words[what], *[None] * (len(left) - 1), *[self._meta(what, value) for value in values]])
        if layout["meta"] == "above":
            self.rows += metas
        if layout["code_row"]:
            self.rows.append([*[None] * len(left), *[code for code, _ in known.items]])
            self.rows.append([*left, *[title for _, title in known.items]])
        else:
            self.rows.append([*left, *[f"{code} {title}" if code else title for code, title in known.items]])
        if layout["meta"] == "below":
            self.rows += metas
        if layout["blank_after_header"]:
            self.rows.append([])
        width = len(left) + len(known.items)
        for position, name in enumerate(known.subjects):
            if layout["section"] and position == 0:
                known.merges.append((len(self.rows), 0, len(self.rows), width - 1))
                self.rows.append(["Team A"])
            row: list[Any] = [position + 1] if layout["numbered"] else []
            row.append(name)
            if layout["department"]:
                row.append(("QA", "Production")[position % 2])
            row += [known.cells.get((position, column), (None, ""))[0] for column in range(len(known.items))]
            self.rows.append(row)

    def _meta(self, what: str, value: int) -> str:
        if what == "hours":
            return f"{value}H"
        return YEARS[self.known.language] if value == 24 else MONTHS[self.known.language]

    def _across(self) -> None:
        known, layout, words = self.known, self.known.layout, self.words
        left = ["Code"] if layout["code_row"] else []
        left.append(words["item"])
        if known.hours:
            left.append(words["hours"])
        if known.months:
            left.append(words["validity"])
        self.rows.append([*left, *known.subjects])
        if layout["blank_after_header"]:
            self.rows.append([])
        for position, (code, title) in enumerate(known.items):
            row: list[Any] = [code] if layout["code_row"] else []
            row.append(title if layout["code_row"] or not code else f"{code} {title}")
            if known.hours:
                row.append(known.hours[position])
            if known.months:
                row.append(self._meta("validity", known.months[position]))
            row += [known.cells.get((subject, position), (None, ""))[0] for subject in range(len(known.subjects))]
            self.rows.append(row)

    def _footer(self) -> None:
        left = len(self._left())
        totals = [
            sum((row, column) in self.known.cells for row in range(len(self.known.subjects)))
            for column in range(len(self.known.items))
        ]
        label: list[Any] = [None] * left
        label[1 if self.known.layout["numbered"] else 0] = self.words["total"]
        self.rows.append([*label, *totals])
