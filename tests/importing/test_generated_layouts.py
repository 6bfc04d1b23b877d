"""A known matrix, laid out in random ways, comes back exactly."""

from hypothesis import HealthCheck, given, settings

from app.domain.importing import Span, make_grid, recognize
from app.services.vocabularies import load_vocabulary
from tests.importing.generated import Known, known_matrices
from tests.importing.generated_wide import Wide, wide_matrices


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(known=known_matrices())
def test_a_known_matrix_laid_out_in_any_way_comes_back_exactly(known: Known) -> None:
    merges = tuple(Span(*edges) for edges in known.merges)
    sheet = recognize([make_grid("Matrix", known.rows, merges=merges)], load_vocabulary()).sheets[0]
    table = "\n".join(str(row) for row in known.rows)
    assert sheet.verdict == ("person_item" if known.people else "role_item"), table
    assert sheet.orientation == ("subjects_in_columns" if known.layout["transposed"] else "subjects_in_rows"), table
    assert [subject.name for subject in sheet.subjects] == known.subjects, table
    assert [(item.code, item.title) for item in sheet.items] == known.items, table
    assert {name: number for name, number in sheet.cells.items() if number} == known.counts(), table
    if known.hours:
        assert [item.hours for item in sheet.items] == known.hours, table
    if known.months:
        assert [item.valid_months for item in sheet.items] == known.months, table
    facts = {(fact.subject, fact.item): fact.meaning for fact in sheet.facts()}
    assert facts == {place: meaning for place, (_, meaning) in known.cells.items()}, table


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(wide=wide_matrices())
def test_groups_pairs_levels_and_stacked_parts_come_back_exactly(wide: Wide) -> None:
    merges = tuple(Span(*edges) for edges in wide.merges)
    sheet = recognize([make_grid("Matrix", wide.rows, merges=merges)], load_vocabulary()).sheets[0]
    table = "\n".join(str(row) for row in wide.rows)
    assert sheet.verdict == ("person_level" if wide.kind == "levels" else "person_item"), table
    assert [subject.name for subject in sheet.subjects] == wide.people, table
    assert [item.title for item in sheet.items] == wide.items, table
    assert {name: number for name, number in sheet.cells.items() if number} == wide.counts(), table
    if wide.layout["groups"] and wide.kind != "pairs":
        assert [sheet.items[0].group, sheet.items[-1].group] == ["GMP", "EHS"], table
