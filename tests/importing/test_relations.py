"""Lists joined by a key become requirements of groups, people with their groups, and items with their names."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.domain.importing import make_grid, recognize
from app.domain.importing.relations import Relations, join
from app.models.base import FOREVER
from app.models.matrix import Requirement
from app.safeguards.context import acting
from app.services import matrix_import
from app.services.vocabularies import load_vocabulary
from tests.cast import context_of
from tests.conftest import House
from tests.importing.books import workbook

ZONE = "Europe/Berlin"
WRITER = frozenset({("imports", "commit"), ("training", "migrate")})
SHEETS: dict[str, list[list[Any]]] = {
    "Courses": [
        ["Course ID", "Course name", "Hours"],
        ["K-1", "Good manufacturing practice", 4],
        ["K-2", "Site safety", 1],
        ["K-3", "Allergens", 2],
        ["K-4", "Forklift", 8],
    ],
    "Curricula": [
        ["Curriculum", "Course ID", "Days"],
        ["Basics", "K-1", 30],
        ["Basics", "K-2", 10],
        ["Kitchen", "K-3", 60],
    ],
    "Groups": [
        ["Curriculum", "User group"],
        ["Basics", "Pastry cooks"],
        ["Kitchen", "Pastry cooks"],
        ["Basics", "Store clerks"],
    ],
    "Users": [
        ["Login", "User name", "User group"],
        ["aleon", "Ana Leon", "Pastry cooks"],
        ["brays", "Bob Rays", "Store clerks"],
        ["cfoxx", "Cleo Foxx", "Store clerks"],
    ],
}


def relations(sheets: dict[str, list[list[Any]]]) -> Relations:
    """What the sheets say when they are joined; all of them must have been recognized as lists."""
    grids = [make_grid(name, rows) for name, rows in sheets.items()]
    reading = recognize(grids, load_vocabulary())
    assert {sheet.verdict for sheet in reading.sheets} == {"relational"}, [s.verdict for s in reading.sheets]
    return join(list(zip(grids, reading.sheets, strict=True)))


@pytest.mark.req("IMP-1")
def test_curricula_are_taken_apart_into_what_each_group_needs_within_how_many_days() -> None:
    found = relations(SHEETS)
    assert {(bond.one, bond.other, bond.days) for bond in found.needs} == {
        ("pastry cooks", "k-1", 30),
        ("pastry cooks", "k-2", 10),
        ("pastry cooks", "k-3", 60),
        ("store clerks", "k-1", 30),
        ("store clerks", "k-2", 10),
    }
    assert set(found.groups) == {"pastry cooks", "store clerks"}
    assert found.items["k-4"].name == "Forklift"
    assert {(bond.one, bond.other) for bond in found.members} == {
        ("aleon", "pastry cooks"), ("brays", "store clerks"), ("cfoxx", "store clerks"),
    }  # fmt: skip
    assert found.people["aleon"].name == "Ana Leon"
    bond = next(bond for bond in found.needs if bond[:2] == ("pastry cooks", "k-3"))
    assert bond.spot == ("Curricula", 3, 1)


@pytest.mark.req("IMP-1", "IMP-2", "IMP-3")
def test_lists_joined_by_a_key_are_imported_and_change_nothing_the_second_time(house: House, tmp_path: Path) -> None:
    file = tmp_path / "lists.xlsx"
    file.write_bytes(workbook(SHEETS))
    found = matrix_import.read_and_recognize(file)
    with acting(context_of(permissions=WRITER)):
        result, run = matrix_import.commit(
            house.session, found, file.read_bytes(), reason="Lists of the learning system", zone=ZONE
        )
        house.session.commit()
        counts = {kind: numbers["add"] for kind, numbers in result.changes.counts().items()}
        assert counts == {
            "requirements": 5, "completions": 0, "people": 3, "items": 4, "memberships": 3, "orders": 0, "units": 2,
        }  # fmt: skip
        assert run is not None
        stored = select(Requirement.days_to_complete, Requirement.evidence_place).where(
            Requirement.voided_at == FOREVER
        )
        days = sorted((place, number) for number, place in house.session.execute(stored))
        assert ("Curricula!B4", 60) in days
        again, nothing = matrix_import.commit(house.session, found, file.read_bytes(), reason="Again", zone=ZONE)
    assert nothing is None
    assert not again.changes.rows
    edited = {name: [row[:] for row in rows] for name, rows in SHEETS.items()}
    edited["Curricula"][1] = ["Kitchen", "K-4", 5]
    edited["Users"][2][2] = "Pastry cooks"
    file.write_bytes(workbook(edited))
    with acting(context_of()):
        difference = matrix_import.dry_run(house.session, matrix_import.read_and_recognize(file), None, ZONE).changes
    assert [(one.kind, one.action, one.what) for one in difference.rows] == [
        ("memberships", "add", "brays – PASTRY-COOKS"),
        ("requirements", "add", "PASTRY-COOKS – K-4"),
        ("requirements", "end", "PASTRY-COOKS – K-1"),
        ("requirements", "end", "STORE-CLERKS – K-1"),
    ]


def test_groups_with_courses_and_a_master_list_need_no_curricula() -> None:
    found = relations(
        {
            "courses": [["course_id", "course_name", "days"], ["C1", "GMP", 30], ["C2", "Safety", 10], ["C3", "X", 90]],
            "role_courses": [["role", "course_id"], ["Operator", "C1"], ["Operator", "C2"], ["Analyst", "C3"]],
            "users": [["username", "role"], ["alee", "Operator"], ["bray", "Analyst"], ["cfox", "Operator"]],
        }
    )
    assert {(bond.one, bond.other, bond.days) for bond in found.needs} == {
        ("operator", "c1", 30), ("operator", "c2", 10), ("analyst", "c3", 90),
    }  # fmt: skip
    assert len(found.members) == 3


def test_numbers_of_groups_are_resolved_by_their_own_list() -> None:
    found = relations(
        {
            "users": [
                ["id", "full_name", "email", "group_id"],
                [1, "Nora Quill", "nora.quill@example.com", 10],
                [2, "Otis Ram", "otis.ram@example.com", 10],
                [3, "Pia Strand", "pia.strand@example.com", 20],
            ],
            "user_groups": [["group_id", "group_name"], [10, "Operators"], [20, "Laboratory"], [30, "Quality"]],
            "courses": [["course_id", "title", "duration_minutes"], [501, "Gowning", 30], [502, "Cleaning", 45]],
            "group_courses": [
                ["group_id", "course_id", "days_to_complete"],
                [10, 501, 14],
                [10, 502, 9],
                [20, 501, 7],
            ],
        }
    )
    assert {key: entry.name for key, entry in found.groups.items()} == {
        "10": "Operators", "20": "Laboratory", "30": "Quality",
    }  # fmt: skip
    assert {(bond.one, bond.other, bond.days) for bond in found.needs} == {
        ("10", "501", 14), ("10", "502", 9), ("20", "501", 7),
    }  # fmt: skip
    assert found.people["1"].details["email"] == "nora.quill@example.com"


@settings(max_examples=100, deadline=None)
@given(
    bundles=st.lists(st.sets(st.integers(0, 7), min_size=1, max_size=4), min_size=2, max_size=4),
    given_to=st.lists(st.sets(st.integers(0, 3), min_size=1, max_size=3), min_size=2, max_size=3),
)
def test_any_curricula_join_to_the_union_of_what_they_hold(bundles: list[set[int]], given_to: list[set[int]]) -> None:
    names = [f"Basic set {chr(65 + n)}" for n in range(len(bundles))]
    groups = ["Pastry cooks", "Store clerks", "Truck drivers"][: len(given_to)]
    curricula = [["Curriculum", "Course ID", "Days"]]
    curricula += [[names[n], f"K-{c}", 10 + c] for n, held in enumerate(bundles) for c in sorted(held)]
    pairs = [(names[n % len(names)], group) for group, held in zip(groups, given_to, strict=True) for n in sorted(held)]
    pairs = list(dict.fromkeys(pairs))
    expected = {(group.casefold(), f"k-{c}", 10 + c) for name, group in pairs for c in bundles[names.index(name)]}
    grids = [make_grid("Curricula", curricula), make_grid("Groups", [["Curriculum", "User group"], *map(list, pairs)])]
    reading = recognize(grids, load_vocabulary())
    if {sheet.verdict for sheet in reading.sheets} != {"relational"}:
        return  # too few shared values to tell that these lists belong together
    found = join(list(zip(grids, reading.sheets, strict=True)))
    unused = {name.casefold() for name in names} - {name.casefold() for name, _ in pairs}
    assert {(b.one, b.other, b.days) for b in found.needs if b.one not in unused} == expected
