"""Every indicator for every gebied and peiljaar: `waarde` and `indicator`, from the linked source tables and the catalogue.

Status of a formula (CONTRACT.md): denominator 0 or no row of the same year gives geen_noemer; otherwise the first non-ok status
of the inputs in the order of STATUS_ORDER.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from beeld.sources.declarations import Source
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.basis import Staged
from beeld.transforms.catalog import MIN_PEOPLE, Catalog, Indicator
from beeld.transforms.formulas import Formula
from beeld.transforms.margins import bounds_sql, published
from beeld.transforms.uncertainty import COUNTS, RELIABLE, Z95, rounding_variance, rounds, score_sql, shrink, shrunk_rates

if TYPE_CHECKING:
    import pandas as pd

STATUS_ORDER = ("geheim", "te_klein", "onbekend", "niet_geleverd", "geen_noemer", "niet_van_toepassing")
COMPLETE = 0.80

REASONS = """case {status}
  when 'geheim' then 'geheim volgens de bron'
  when 'te_klein' then 'te klein aantal om te tonen'
  when 'onbekend' then {unknown}
  when 'niet_geleverd' then coalesce({missing}, 'de bron heeft dit onderwerp voor dit jaar niet gevuld')
  when 'geen_noemer' then {no_denominator}
  when 'niet_van_toepassing' then 'kan volgens de bron niet voorkomen'
end"""


@dataclass(frozen=True)
class Provenance:
    """Where the cells of one indicator and peiljaar come from."""

    tables: str
    columns: str
    sha256: str


def compute_values(con: duckdb.DuckDBPyConnection, catalog: Catalog, staged: Sequence[Staged]) -> int:
    """Fill `waarde` for every area that a source has rows for; returns the number of rows."""
    con.begin()  # one transaction: half the time of one per insert
    for name, indicator in catalog.indicators.items():
        for year in delivered_years(indicator, staged):
            _insert(con, name, indicator, year, catalog, staged)
    con.commit()
    _shrink(con, catalog)
    return _count(con, "select count(*) from waarde")


def delivered_years(indicator: Indicator, staged: Sequence[Staged]) -> list[int]:
    """Peiljaren for which a table of the indicator's own source has every column that the formula takes from it."""
    own = [reference.kolom for reference in indicator.parsed.references if reference.bron == indicator.bron]
    return sorted(
        year
        for piece in staged
        if piece.source.bron == indicator.bron and all(piece.layout.raw(name) for name in own)
        for year in piece.years
    )


def _insert(
    con: duckdb.DuckDBPyConnection,
    name: str,
    indicator: Indicator,
    year: int,
    catalog: Catalog,
    staged: Sequence[Staged],
) -> None:
    origin = provenance(indicator, year, staged)
    con.execute(
        f"insert into waarde by name {value_sql(indicator, catalog.sources, staged, year)}",
        {
            "indicator": name,
            "jaar": year,
            "tabellen": origin.tables,
            "kolommen": origin.columns,
            "sha256": origin.sha256,
        },
    )


def provenance(indicator: Indicator, year: int, staged: Sequence[Staged]) -> Provenance:
    """Tables, raw column names and the snapshot of an indicator in one peiljaar; the snapshot is that of the first column."""
    tables: list[str] = []
    columns: list[str] = []
    sha256 = ""
    for reference in indicator.parsed.references:
        piece = piece_of(reference.bron, year, staged)
        if piece is None:
            continue
        sha256 = sha256 or piece.snapshot.sha256
        tables.append(piece.table.tabel)
        columns += piece.layout.raw(reference.kolom) or (reference.kolom,)
    return Provenance(", ".join(dict.fromkeys(tables)), ", ".join(columns), sha256)


def piece_of(bron: str, year: int, staged: Sequence[Staged]) -> Staged | None:
    """The staged table of a source that holds a peiljaar."""
    return next((piece for piece in staged if piece.source.bron == bron and year in piece.years), None)


def value_sql(indicator: Indicator, sources: Mapping[str, Source], staged: Sequence[Staged], year: int) -> str:
    """The query that yields the rows of `waarde` of one indicator in `year` ($jaar), for every gebied of the newest division."""
    formula, own = indicator.parsed, indicator.bron
    value = (
        f"{formula.factor!r} * {formula.teller.sql()} / nullif({formula.noemer.sql()}, 0)"
        if formula.noemer
        else formula.teller.sql()
    )
    weight = indicator.weight.sql() if indicator.weight else "null"
    lower, upper = _bounds_sql(*(indicator.bereik or (0.0 if indicator.foutmodel in COUNTS else None, None)))
    bounds = published(indicator, sources[own])
    # an untested boundary under the denominator is one under the rate
    notes = ", ".join(f'"{name}".kanttekening' for name in _sources_of(formula, own))
    rounded = _rounding_sql(indicator, sources[own], piece_of(own, year, staged))
    error = f"case when gegeven then (boven - onder) / {2 * Z95!r} else {_error_sql(indicator, sources[own], rounded)} end"
    middle, half = _interval_sql(indicator, rounded)
    reason = REASONS.format(
        status="status",
        unknown="case when getypeerd then 'onbekend of geheim' else 'onbekend, onvoldoende betrouwbaar of geheim' end",
        missing="reden_afwezig",
        no_denominator="case when noemer = 0 then 'de noemer is 0' else 'geen noemer voor dit jaar' end",
    )
    return f"""
    with cellen as (
      select "{own}".gebiedscode, g.soort, "{own}".indeling_jaar, coalesce({notes}) as kanttekening,
        "{own}".reden as reden_afwezig, "{own}".getypeerd, "{own}".voorlopig,
        {_status_sql(formula, own)} as status,
        {value} as berekend,
        {formula.teller.sql() if formula.noemer else "null"} as teller,
        {formula.noemer.sql() if formula.noemer else weight} as noemer,
        {formula.teller.sql()} as y,
        {formula.noemer.sql() if formula.noemer else formula.teller.sql()} as n,
        {bounds_sql(bounds)}
      from werk."{own}" as "{own}"
      join gebied as g on g.gebiedscode = "{own}".gebiedscode
      {_joins_sql(indicator, sources, staged)}
      where "{own}".peiljaar = $jaar),
    fouten as (select *, case when status = 'ok' then berekend end as waarde, {error} as fout from cellen),
    marges as (select *, {middle} as midden, {half} as straal from fouten)
    select gebiedscode, $indicator as indicator, $jaar as peiljaar, indeling_jaar, waarde, status,
      case when status = 'ok' then kanttekening else {reason} end as reden,
      teller, noemer,
      case when not gegeven then {lower} when waarde is not null then onder end as ondergrens,
      case when not gegeven then {upper} when waarde is not null then boven end as bovengrens,
      null as geschat, coalesce(voorlopig, false) as voorlopig,
      case when waarde is null or fout is null then null when waarde = 0 then straal = 0
        else fout / abs(waarde) < {RELIABLE} end as betrouwbaar,
      $tabellen as bron_tabel, $kolommen as bron_kolom, $sha256 as snapshot_sha256
    from marges
    order by gebiedscode"""


def _sources_of(formula: Formula, own: str) -> list[str]:
    """The sources that a formula reads, its own first."""
    return [own, *sorted({reference.bron for reference in formula.references} - {own})]


def _joins_sql(indicator: Indicator, sources: Mapping[str, Source], staged: Sequence[Staged]) -> str:
    """Left joins to the other sources that a formula or weight reads, on area and peiljaar; an undelivered one joins nothing."""
    own = indicator.bron
    references = (*indicator.parsed.references, *([indicator.weight] if indicator.weight else []))
    available = {piece.source.bron for piece in staged}
    joins: list[str] = []
    for other in sorted({reference.bron for reference in references} - {own}):
        if other in available:
            condition = f'"{other}".gebiedscode = "{own}".gebiedscode and "{other}".peiljaar = "{own}".peiljaar'
            joins.append(f'left join werk."{other}" as "{other}" on {condition}')
        else:
            empty = f"select false as aanwezig, null::varchar as kanttekening{_empty_columns(sources[other])}"
            joins.append(f'left join ({empty}) as "{other}" on false')
    return "\n      ".join(joins)


def _empty_columns(source: Source) -> str:
    numbers = [name for name, column in source.kolommen.items() if column.soort == "getal"]
    return "".join(f', null::double as "{name}", null::varchar as "{name}_status"' for name in numbers)


def _status_sql(formula: Formula, own: str) -> str:
    """The status of an outcome from the statuses of its inputs."""
    cases: list[str] = []
    if formula.noemer is not None:
        for bron in sorted({reference.bron for reference in formula.noemer.references} - {own}):
            cases.append(f"when not coalesce(\"{bron}\".aanwezig, false) then 'geen_noemer'")
        cases.append(f"when {formula.noemer.sql()} = 0 then 'geen_noemer'")
    for status in STATUS_ORDER:
        wrong = " or ".join(
            f"coalesce({reference.status_sql()}, 'niet_geleverd') = '{status}'" for reference in formula.references
        )
        cases.append(f"when {wrong} then '{status}'")
    return f"case {' '.join(cases)} else 'ok' end"


def _rounding_sql(indicator: Indicator, source: Source, piece: Staged | None) -> str:
    """Rounding variance of the numerator, by kind of area.

    A column that the table delivers in parts is as many rounded counts as it has parts.
    """
    sums: Mapping[str, tuple[str, ...]] = piece.layout.sums if piece else {}
    own = [reference.kolom for reference in indicator.parsed.teller.references if reference.bron == source.bron]
    bases = [source.kolommen[part].afronding for name in own for part in sums.get(name, (name,))]
    variance = {
        kind: sum(rounding_variance(base, bases.count(base)) for base in (5, 10) if rounds(base, kind))
        for kind in ("buurt", "gemeente")
    }
    return f"case when soort in ('buurt', 'wijk') then {variance['buurt']!r} else {variance['gemeente']!r} end"


def _error_sql(indicator: Indicator, source: Source, rounded: str) -> str:
    """Standard error of the outcome, in its own unit; null where no error model is declared."""
    factor = repr(indicator.parsed.factor)
    match indicator.foutmodel:
        case "binomiaal":
            return f"{factor} * sqrt(greatest(y * (1 - y / nullif(n, 0)), 0) + {rounded}) / nullif(n, 0)"
        case "poisson":
            return f"{factor} * sqrt(y + {rounded}) / nullif(n, 0)"
        case "telling":
            return f"sqrt({rounded})"
        case "aangenomen":
            return "null::double" if source.aangenomen_marge is None else repr(source.aangenomen_marge / Z95)
        case "geen":
            return "null::double"


def _interval_sql(indicator: Indicator, rounded: str) -> tuple[str, str]:
    """Middle and half width of the 95% interval of the outcome, from its columns `waarde`, `fout`, `y` and `n`."""
    if indicator.foutmodel not in COUNTS:
        return "waarde", f"{Z95!r} * fout"
    middle, half = score_sql("y", "n", rounded, part=indicator.foutmodel == "binomiaal")
    factor = repr(indicator.parsed.factor)
    return f"{factor} * {middle}", f"{factor} * {half}"


def _bounds_sql(low: float | None, high: float | None) -> tuple[str, str]:
    """95% interval within the possible range; it always holds the figure, which rounding can push just outside that range."""
    floor = "" if low is None else f", {float(low)!r}"
    ceiling = "" if high is None else f", {float(high)!r}"
    lower = f"least(waarde, greatest(midden - straal{floor}){ceiling})"
    upper = f"greatest(waarde, least(midden + straal{ceiling}){floor})"
    known = "case when waarde is not null and fout is not null then {} end"
    return known.format(lower), known.format(upper)


def _shrink(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Fill `geschat` of the indicators that ask for it, per kind of area, class of urbanity and peiljaar."""
    for name, indicator in catalog.indicators.items():
        if not indicator.krimp:
            continue
        rows: pd.DataFrame = con.execute(
            """select w.gebiedscode, w.peiljaar, g.soort, g.stedelijkheid, w.teller, w.noemer,
              g.soort <> 'buurt' or coalesce(g.inwoners, 0) >= ? as telt_mee
            from waarde as w join gebied as g using (gebiedscode)
            where w.indicator = ? and w.status = 'ok' and w.noemer > 0 and g.stedelijkheid is not null
            order by w.gebiedscode, w.peiljaar""",
            [MIN_PEOPLE, name],
        ).df()
        codes: list[str] = []
        years: list[int] = []
        estimates: list[float] = []
        for _, group in rows.groupby(["peiljaar", "soort", "stedelijkheid"], sort=True):
            counts, people = group["teller"].to_numpy(dtype=float), group["noemer"].to_numpy(dtype=float)
            used = group["telt_mee"].to_numpy(dtype=bool)
            if used.any():
                mu, tau2 = shrink(counts[used], people[used])
                codes += group["gebiedscode"].to_list()
                years += group["peiljaar"].to_list()
                estimates += (indicator.parsed.factor * shrunk_rates(counts, people, mu, tau2)).tolist()
        columns: dict[str, tuple[Kind, list[Any]]] = {
            "gebiedscode": ("text", codes),
            "peiljaar": ("integer", years),
            "geschat": ("double", estimates),
        }
        with registered(con, "geschatten", columns):
            con.execute(
                """update waarde set geschat = s.geschat from geschatten as s
                where waarde.indicator = ? and waarde.gebiedscode = s.gebiedscode and waarde.peiljaar = s.peiljaar""",
                [name],
            )


def describe_indicators(con: duckdb.DuckDBPyConnection, catalog: Catalog, method_version: str) -> int:
    """Fill `indicator`, each with its latest complete year; returns the number of indicators.

    Complete: at least 80 % of the buurten with 200 inhabitants or more have a value. Where no year is, the newest year with any
    value; where no year has any, the newest delivered year.
    """
    for name, indicator in catalog.indicators.items():
        con.execute(
            "insert into indicator values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                name,
                indicator.titel,
                indicator.uitleg,
                indicator.thema,
                indicator.rol,
                indicator.soort,
                indicator.familie,
                indicator.eenheid,
                indicator.decimalen,
                indicator.richting,
                indicator.bron,
                list(indicator.gebruik),
                indicator.formule,
                latest_year(con, name),
                method_version,
            ],
        )
    return len(catalog.indicators)


def latest_year(con: duckdb.DuckDBPyConnection, indicator: str) -> int | None:
    """The latest complete peiljaar of an indicator; see describe_indicators."""
    years = con.execute(
        """select w.peiljaar,
          count(*) filter (g.soort = 'buurt' and g.inwoners >= $people and w.waarde is not null) as gevuld,
          count(*) filter (g.soort = 'buurt' and g.inwoners >= $people) as totaal,
          count(w.waarde) as waarden
        from waarde as w join gebied as g using (gebiedscode)
        where w.indicator = $indicator group by w.peiljaar order by w.peiljaar desc""",
        {"people": MIN_PEOPLE, "indicator": indicator},
    ).fetchall()
    complete = [year for year, filled, total, _ in years if total and filled >= COMPLETE * total]
    filled = [year for year, *_, values in years if values]
    return next(iter([*complete, *filled, *(year for year, *_ in years)]), None)


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0
