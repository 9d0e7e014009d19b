"""Counts divided by addresses: the total stays what it was, and back again is within what addresses can tell."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beeld.transforms.reallocation import Matrix, make_matrix, reallocate

PROFILE = settings(derandomize=True, deadline=None, database=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
OLD = [f"BU0014000{n}" for n in range(4)]
NEW = [f"BU0014010{n}" for n in range(4)]
PAIR = st.tuples(st.sampled_from(OLD), st.sampled_from(NEW))
ADDRESSES = st.dictionaries(PAIR, st.integers(1, 5000), min_size=1)
COUNT = st.one_of(st.integers(0, 1_000_000).map(float), st.floats(0, 1e6))


def matrix_of(addresses: dict[tuple[str, str], int], *, back: bool = False) -> Matrix:
    """The matrix there, or the one back over the same addresses."""
    rows = [(new, old, n) if back else (old, new, n) for (old, new), n in addresses.items()]
    return make_matrix(2024, 2020, rows) if back else make_matrix(2020, 2024, rows)


@PROFILE
@given(ADDRESSES, st.data())
def test_totals_stay_what_they_were(addresses: dict[tuple[str, str], int], data: st.DataObject) -> None:
    matrix = matrix_of(addresses)
    counts = {old: data.draw(COUNT, label=old) for old in sorted(matrix.sources)}
    found = reallocate(counts, matrix)
    total = math.fsum(counts.values())
    values = [area.waarde for area in found.values()]
    assert all(value is not None and value >= 0 for value in values)
    assert math.fsum(value or 0.0 for value in values) == pytest.approx(total, rel=1e-6, abs=1e-6)
    for area in found.values():
        assert area.fout is not None
        assert 0 <= area.fout <= total, "no more than everything can lie elsewhere"
    whole = {parts[0].van for parts in matrix.delen.values() if len(parts) == 1 and parts[0].aandeel == 1}
    for new, parts in matrix.delen.items():
        if len(parts) == 1 and parts[0].van in whole and parts[0].aandeel == 1:
            assert (found[new].waarde, found[new].fout) == (counts[parts[0].van], 0.0), "a new code for the same addresses"


@PROFILE
@given(ADDRESSES, st.data())
def test_there_and_back(addresses: dict[tuple[str, str], int], data: st.DataObject) -> None:
    """Per address no area ends above the densest or below the thinnest old one; exact where no new area mixes two old ones."""
    there, back = matrix_of(addresses), matrix_of(addresses, back=True)
    counts = {old: data.draw(COUNT, label=old) for old in sorted(there.sources)}
    middle = {new: area.waarde for new, area in reallocate(counts, there).items()}
    again = {old: area.waarde or 0.0 for old, area in reallocate(middle, back).items()}
    homes = {old: sum(n for (o, _), n in addresses.items() if o == old) for old in counts}
    densities = [counts[old] / homes[old] for old in counts]
    for old in counts:
        density = again[old] / homes[old]
        assert min(densities) - 1e-6 <= density * (1 + 1e-9) + 1e-9
        assert density <= max(densities) * (1 + 1e-9) + 1e-9
    assert math.fsum(again.values()) == pytest.approx(math.fsum(counts.values()), rel=1e-6, abs=1e-6)
    if all(len(parts) == 1 for parts in there.delen.values()):
        assert again == pytest.approx(counts, rel=1e-9, abs=1e-9)


@PROFILE
@given(ADDRESSES, st.data())
def test_a_missing_part_makes_an_area_unknown(addresses: dict[tuple[str, str], int], data: st.DataObject) -> None:
    matrix = matrix_of(addresses)
    lost = data.draw(st.sampled_from(sorted(matrix.sources)))
    absent = data.draw(st.booleans())
    counts: dict[str, float | None] = {old: 10.0 for old in matrix.sources if old != lost or not absent}
    if not absent:
        counts[lost] = None
    for new, area in reallocate(counts, matrix).items():
        touched = any(part.van == lost for part in matrix.delen[new])
        assert (area.waarde is None) == (area.fout is None) == touched
