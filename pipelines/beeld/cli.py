"""The command line `beeld` (CONTRACT.md): data to stdout, messages to stderr, one message and the right exit code per failure."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, astuple, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from beeld import METHOD_VERSION, __version__
from beeld.console import messages, progress, show_removed, show_table, show_warnings
from beeld.errors import BeeldError, ChecksFailed, Damaged, DeliveryRefused, UsageError, interrupted
from beeld.interrupts import kept_interrupts
from beeld.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Areas = Annotated[
    list[str] | None,
    typer.Option("--area", metavar="CODE", help="Gemeente, wijk, buurt, union (SG-...) or exact name."),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def main() -> None:
    """Run the command line; every BeeldError becomes its message and its exit code."""
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        with kept_interrupts():
            app()
    except BeeldError as error:
        if debug:
            raise
        messages.print(f"beeld: {error.message}")
        sys.exit(error.exit_code)
    except (Exception, KeyboardInterrupt) as error:
        if interrupted(error):
            messages.print("beeld: interrupted. Nothing that was published has changed.")
            sys.exit(130)
        if debug:
            raise
        from beeld.warehouse.room import disk_fault

        if (fault := disk_fault(error)) is not None:
            messages.print(f"beeld: {fault.message}")
            sys.exit(fault.exit_code)
        said = " ".join(str(error).split())
        messages.print(f"beeld: unexpected {type(error).__name__}: {said}. Nothing published has changed; --debug shows more.")
        sys.exit(1)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Version, method version and current release.")] = False,
) -> None:
    """Beeld van de Wijk: an honest picture of a neighbourhood. Add --debug to any command for a traceback."""
    if version:
        from beeld.warehouse.read import current_id

        now = current_id(load_settings())
        typer.echo(f"beeld {__version__}, method {METHOD_VERSION}, release {now or 'none'}")
        raise typer.Exit


@app.command()
def refresh(
    area: Areas = None,
    all_areas: Annotated[bool, typer.Option("--all", help="Render every area of the Netherlands.")] = False,
    year_from: Annotated[int | None, typer.Option("--year-from", help="First peiljaar (2015).")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="From the raw archive only.")] = False,
    no_render: Annotated[bool, typer.Option("--no-render", help="Warehouse only, no pages.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Any source that fails is fatal.")] = False,
    recalibrate: Annotated[bool, typer.Option("--recalibrate", help="Compute the thresholds anew.")] = False,
) -> None:
    """Fetch what changed, build, check and publish a release."""
    from beeld.refresh import Options, formats_of
    from beeld.refresh import refresh as run

    settings = load_settings()
    options = Options(
        tuple(area or ()),
        all_areas,
        year_from or settings.year_from,
        offline,
        not no_render,
        strict,
        recalibrate,
        formats_of(settings, all_areas=all_areas),
    )
    with progress() as report:
        result = run(settings, options, progress=report, watch=report.table)
    show_warnings(result.warnings)
    messages.print(
        f"release {result.release} published" if result.new else f"nothing has changed: release {result.release} stands"
    )
    show_removed(result.removed)
    index = result.folder / "site" / "index.html"
    typer.echo(str(index if index.exists() else result.folder))
    if result.refused:
        raise typer.Exit(DeliveryRefused.exit_code)


@app.command()
def demo() -> None:
    """The whole pipeline on the embedded example, offline, in a home of its own; prints where the pages are."""
    from beeld.refresh import Options, formats_of
    from beeld.refresh import refresh as run
    from beeld.sources.example import EXAMPLE_AREA, example_transport

    settings = load_settings()
    settings = replace(settings, home=settings.home / "voorbeeld", example=True, only_sources=None, switched_off=frozenset())
    with progress() as report, example_transport() as transport:
        settings = replace(settings, urls=load_settings({}).urls)
        options = Options((EXAMPLE_AREA,), formats=formats_of(settings, all_areas=False))
        result = run(settings, options, transport=transport, progress=report, watch=report.table)
    show_warnings(result.warnings)
    messages.print(f'example published: invented figures. To ask it questions: BEELD_HOME={settings.home} beeld query "..."')
    typer.echo(str(result.folder / "site" / "index.html"))


@app.command()
def render(
    codes: Annotated[list[str] | None, typer.Argument(metavar="[CODE]...", help="Codes or exact names.")] = None,
    lens: Annotated[str, typer.Option(help="Perspective on the same figures.")] = "zoom-in",
    formats: Annotated[str, typer.Option("--format", help="Comma-separated: html, pdf, pptx, xlsx.")] = "html",
    lang: Annotated[str | None, typer.Option(help="Comma-separated: nl, en. Without it that of beeld.toml.")] = None,
    pack: Annotated[Path | None, typer.Option(help="Folder for the result; default: beside the releases.")] = None,
) -> None:
    """Render pages from the current release; without codes everything that it covers."""
    from beeld.refresh import render_current

    settings = load_settings()
    with progress() as report:
        index = render_current(
            settings,
            codes or [],
            lens=lens,
            formats=formats.split(","),
            language=lang or settings.language,
            out=pack,
            progress=report,
        )
    typer.echo(str(index))


@app.command()
def find(text: Annotated[str, typer.Argument(help="Part of a name, a code, or a postcode (4 digits).")]) -> None:
    """Areas by name, code or most frequent postcode."""
    from beeld.warehouse.find import find_areas

    settings = load_settings()
    found = find_areas(settings, text)
    if not found:
        raise UsageError(f"no area matches '{text[:80]}'", todo="Try a part of the name")
    for row in found:
        typer.echo("\t".join(row))


@app.command()
def status(as_json: Json = False) -> None:
    """Per source: newest year, Modified, fetched at, age and last fault; and the current release."""
    from beeld.transforms.catalog import load_catalog
    from beeld.warehouse.read import current_id
    from beeld.warehouse.status import notices, table_statuses

    settings = load_settings()
    for notice in notices(settings):
        typer.echo(f"warning: {notice}", err=True)
    rows = [asdict(row) for row in table_statuses(settings, load_catalog(settings.project, settings.home))]
    now = current_id(settings)
    if as_json:
        typer.echo(json.dumps({"release": now, "bronnen": rows}, ensure_ascii=False))
        return
    typer.echo(f"release: {now or 'none yet'}")
    show_table(list(rows[0]) if rows else [], [list(row.values()) for row in rows])


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A delivery of a gemeente or partner (CSV or XLSX).")
    ] = None,
    rebuild: Annotated[
        str | None, typer.Option("--rebuild", metavar="ID", help="Build a release again from the archive and compare.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Validate the declarations and the current release: hashes, schema and expectations; with FILE: a delivery."""
    if file is not None:
        if rebuild is not None:
            raise UsageError("a file and --rebuild are two different questions", todo="Ask them one at a time")
        check_delivery(file, as_json)
        return
    from beeld.refresh import edition_gone, rebuild_differences
    from beeld.transforms.catalog import load_catalog
    from beeld.transforms.reallocation import matrices_of
    from beeld.warehouse.inspect import inspect_release
    from beeld.warehouse.read import current_release

    settings = load_settings()
    load_catalog(settings.project, settings.home)
    matrices_of(settings.project, settings.home)
    if rebuild is not None:
        with progress() as report:
            different = rebuild_differences(settings, rebuild, report)
        if different:
            raise Damaged(f"rebuilding gives other files: {', '.join(different)}", where=rebuild, kept="The release is unchanged")
        messages.print(f"release {rebuild}: rebuilt from the archive, every table is the same")
        if gone := edition_gone(settings, rebuild):
            messages.print(f"warning: wijziging is not compared: the release before it, {gone}, is gone or damaged")
        return
    rows = inspect_release(current_release(settings), settings.project)
    passed = all(row["geslaagd"] for row in rows if row["ernst"] == "fout")
    if as_json:
        typer.echo(json.dumps({"geslaagd": passed, "controles": rows}, ensure_ascii=False))
    else:
        wrong = [row for row in rows if not row["geslaagd"]]
        typer.echo(f"{len(rows)} checks, {len(wrong)} not passed")
        if wrong:
            show_table(list(rows[0]), [list(row.values()) for row in wrong])
    damaged = [row for row in rows if not row["geslaagd"] and row["controle"].startswith("bestand_")]
    if damaged:
        names = ", ".join(row["onderwerp"] for row in damaged)
        raise Damaged(
            f"damaged files: {names}",
            where=str(current_release(settings)),
            todo="Run 'beeld rollback' or 'beeld refresh'",
        )
    if not passed:
        raise ChecksFailed("checks of severity fout failed", where=str(current_release(settings)))


def check_delivery(file: Path, as_json: bool) -> None:
    """Print the findings on a delivery; DeliveryRefused (exit 6) when one of severity fout failed. Nothing is stored."""
    from beeld.sources.delivery import check_file

    checked = check_file(file)
    rows = checked.as_rows()
    if as_json:
        typer.echo(json.dumps({"geslaagd": checked.passed, "controles": rows}, ensure_ascii=False))
    else:
        wrong = [row for row in rows if not row["geslaagd"]]
        typer.echo(f"{len(rows)} checks, {len(wrong)} not passed")
        if wrong:
            show_table(list(rows[0]), [list(row.values()) for row in wrong])
    checked.refuse()


@app.command()
def trace(
    code: str,
    indicator: str,
    peiljaar: Annotated[int | None, typer.Argument(metavar="[PEILJAAR]")] = None,
    as_json: Json = False,
) -> None:
    """From a published figure back to the source cells."""
    from beeld.transforms.catalog import load_catalog
    from beeld.warehouse.read import current_release
    from beeld.warehouse.trace import trace as find_cells

    settings = load_settings()
    catalog = load_catalog(settings.project, settings.home)
    area = code if code.startswith("SG-") else code.upper()
    found = find_cells(current_release(settings), settings.raw, catalog, area, indicator, peiljaar)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False))
        return
    typer.echo(
        f"{found.gebiedscode} {found.indicator} {found.peiljaar} = {found.waarde} ({found.status}); formule: {found.formule}"
    )
    for cell in found.bronnen:
        key = " ".join(f"{name}={member}" for name, member in cell.rijsleutel.items())
        origin = f"gewijzigd {cell.gewijzigd}; {cell.snapshot_sha256}; {cell.url}"
        typer.echo(f"  {cell.tabel} {cell.kolom} [{key}] = {cell.ruwe_tekst}; {origin}")


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL")],
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV.")] = False,
) -> None:
    """A read-only query on the current release."""
    from beeld.warehouse.query import ask
    from beeld.warehouse.read import current_release
    from beeld.warehouse.refusals import refusals

    settings = load_settings()
    release = current_release(settings)
    answer = ask(release, sql, settings.limits)
    if as_json:
        typer.echo(answer.as_json())
    elif as_csv:
        typer.echo(answer.as_csv(), nl=False)
    else:
        show_table(list(answer.columns), [list(row) for row in answer.rows])
    for line in refusals(release, sql):
        messages.print(f"note: {line}")


@app.command()
def releases() -> None:
    """The releases of this home, oldest first; * is current."""
    from beeld.warehouse.read import current_id
    from beeld.warehouse.release import read_manifest
    from beeld.warehouse.release import releases as known

    settings = load_settings()
    now = current_id(settings)
    for folder in known(settings):
        manifest: dict[str, Any] = read_manifest(folder)
        typer.echo(
            f"{'*' if folder.name == now else ' '} {folder.name}\t{manifest['gemaakt_op']}\t{', '.join(manifest['gebieden'])}"
        )


@app.command()
def rollback(release_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="See beeld releases.")] = None) -> None:
    """Go back to a release; without ID to the one before the current."""
    from beeld.warehouse.release import exclusive
    from beeld.warehouse.release import rollback as go_back

    settings = load_settings()
    with exclusive(settings, "beeld rollback"):
        typer.echo(go_back(settings, release_id))


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="See beeld releases.")],
    after: Annotated[str, typer.Argument(metavar="B")],
    as_json: Json = False,
) -> None:
    """What changed from release A to B: inputs, settings, and how many figures are new, revised or withdrawn."""
    from beeld.warehouse.diff import compare

    found = compare(load_settings(), before, after)
    if as_json:
        typer.echo(found.as_json())
        return
    if found.instellingen:
        typer.echo(f"anders ingesteld: {', '.join(found.instellingen)}")
    for title, rows in (("invoer", found.invoer), ("cijfers", found.cijfers), ("uitkomsten", found.uitkomsten)):
        typer.echo(f"{title}: {'' if rows else 'geen verschil'}")
        if rows:
            show_table([field.name for field in fields(rows[0])], [list(astuple(row)) for row in rows])


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or that of an earlier export.")],
    formats: Annotated[
        str, typer.Option("--format", help="Comma-separated: parquet, csv, xlsx, gpkg.")
    ] = "parquet,csv,xlsx,gpkg",
) -> None:
    """The current release as files that other programs read, with a dictionary."""
    from beeld.warehouse.export.run import chosen, export_release

    with progress() as report:
        done = export_release(load_settings(), folder, chosen(formats), report)
    show_warnings(done.notes)
    messages.print(f"release {done.release} exported")
    typer.echo(str(done.folder))


@app.command()
def publish(
    target: Annotated[
        str, typer.Option("--target", metavar="TARGET", help="A folder, a file that ends in .zip, or ducklake:...")
    ],
) -> None:
    """Copy the current release: all of it to a folder, the pages to a zip, the tables into a DuckLake."""
    from beeld.warehouse.publish.run import publish_release

    with progress() as report:
        done = publish_release(load_settings(), target, report)
    messages.print("published and verified" if done.new else "nothing has changed: it stands there already, verified")
    show_removed(done.removed)
    typer.echo(done.place)


@app.command()
def schedule(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the web interface.")] = 3000,
) -> None:
    """Dagster's web interface and daemon, with the schedules on."""
    from beeld.settings import dagster_home

    os.environ["DAGSTER_HOME"] = str(dagster_home(load_settings()))
    arguments = ["dagster", "dev", "-m", "beeld.assets.definitions", "-h", host, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, "-W", "ignore:Function", "-m", *arguments])  # noqa: S606 - no shell is wanted


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the site.")] = 8080,
    sql_port: Annotated[int, typer.Option("--sql-port", help="Port for DuckDB clients.")] = 9494,
    no_site: Annotated[bool, typer.Option("--no-site", help="SQL only.")] = False,
    new_token: Annotated[
        str | None, typer.Option("--new-token", metavar="NAME", help="Make a token for a user, print it, and stop.")
    ] = None,
) -> None:
    """The current release, read-only, for DuckDB clients (Quack), and the site over HTTP; for this machine unless told else."""
    from beeld.warehouse.serve.run import Places, token_file
    from beeld.warehouse.serve.run import serve as run
    from beeld.warehouse.serve.tokens import new_token as make_token

    settings = load_settings()
    if new_token is not None:
        typer.echo(make_token(token_file(settings), new_token))
        return
    run(settings, Places(host, None if no_site else port, sql_port), typer.echo, messages.print)


if __name__ == "__main__":
    main()
