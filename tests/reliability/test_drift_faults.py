"""A source whose figures are no longer what they were: names, units and rows are right, and it is refused all the same."""

import json
from contextlib import closing
from typing import Any

import duckdb
import pytest

from beeld.errors import SourceChanged
from beeld.sources import archive
from beeld.transforms import staging
from beeld.transforms.basis import create_basis
from beeld.transforms.drift import ENOUGH, profile_of_rows, refuse_drift
from tests.reliability.worlds import HOSTS, TABLES, CommandLine, World, catalog_of, complete

pytestmark = pytest.mark.bronfout
CASES = [
    pytest.param(
        "scale_column",
        {"factor": factor},
        table,
        column,
        name,
        says,
        id=f"times {factor} {table}",
        marks=pytest.mark.fout("F27", "v3"),
    )
    for table, column, name in (
        ("50090NED", "Eenzaam_28", "eenzaam"),
        ("84799NED", "HuishoudensTotaal_28", "huishoudens"),
        ("47022NED", "GeregistreerdeMisdrijven_4", "misdrijven"),
    )
    for factor, says in ((10, "median 10 times"), (1000, "median"), (0.01, "median 0.01"))
] + [
    pytest.param(
        "null_column",
        {"share": share},
        table,
        column,
        name,
        says,
        id=f"{share:.0%} empty {table}",
        marks=pytest.mark.fout("F29" if share == 1 else "F30", "v3"),
    )
    for table, column, name in (
        ("50090NED", "Eenzaam_28", "eenzaam"),
        ("84799NED", "HuishoudensTotaal_28", "huishoudens"),
        ("47022NED", "GeregistreerdeMisdrijven_4", "misdrijven"),
    )
    for share, says in ((1.0, "is empty"), (0.4, "empty"))
]


@pytest.mark.parametrize(("kind", "options", "table", "column", "name", "says"), CASES)
def test_figures_that_moved_too_far_are_refused(
    kind: str, options: dict[str, Any], table: str, column: str, name: str, says: str, world: World, beeld: CommandLine
) -> None:
    """The last good figures stand, the delivery lies in quarantine with the reason, and the archive is as it was."""
    before, kept = complete(world.settings), world.snapshots(table)
    world.news(table)
    fault = world.server.fault(kind, table=table, column=column, **options)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert fault.hits
    assert ending.code == 0
    warning, conclusion = ending.lines
    assert f"{TABLES[table]} {table}" in warning
    assert f"column {name} " in warning
    assert says in warning
    assert before in conclusion
    assert complete(world.settings) == before
    assert world.snapshots(table) == kept
    assert world.status(table).status == "verouderd"
    (refused,) = (world.home / "quarantaine" / TABLES[table] / table).iterdir()
    assert name in json.loads((refused / "reden.json").read_text(encoding="utf-8"))["reden"]
    assert (refused / archive.SIDECAR).is_file()

    world.server.clear_faults()
    assert [item.status for item in world.look()] == ["actueel"] * len(TABLES)


@pytest.mark.parametrize("table", HOSTS)
def test_ten_times_is_seen_in_every_column_with_values(table: str, world: World) -> None:
    """F27: every number column with enough values other than zero; the others say nothing and are counted."""
    source = catalog_of(world.settings.project).sources[TABLES[table]]
    snapshot = archive.current_snapshot(world.settings.raw, source.bron, table)
    assert snapshot is not None
    with closing(duckdb.connect()) as con:
        create_basis(con, source)
        layout = staging.stage(con, source, source.table(table), snapshot, 0).layout
        before = profile_of_rows(con, source, layout, f'basis."{source.bron}"')
        told = sorted({name for (name, _), column in before.items() if column.values >= ENOUGH})
        for name in told:
            con.execute("begin")
            con.execute(f'update basis."{source.bron}" set "{name}" = 10 * "{name}"')
            with pytest.raises(SourceChanged, match=f"column {name} "):
                refuse_drift(before, profile_of_rows(con, source, layout, f'basis."{source.bron}"'), f"{source.bron} {table}")
            con.execute("rollback")
    silent = {name for (name, _), column in before.items() if column.filled} - set(told)
    assert told
    assert silent == set()
