"""What the assets of one Dagster run share: one refresh, taken apart into the steps of `beeld.refresh`. No Dagster in here.

Imports stand inside the functions where they are slow, because Dagster loads the definitions again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from beeld.errors import ChecksFailed, UsageError
from beeld.settings import Settings
from beeld.transforms.catalog import Catalog, load_catalog

RETRIES, RETRY_SECONDS = 2, 120.0
"""How often a source that cannot be read is looked at again within a run, and after how long; the other sources go first."""

if TYPE_CHECKING:
    from beeld.refresh import Inputs, Options, Thresholds
    from beeld.sources.fetch import Delivered
    from beeld.transforms.shelf import Shelf
    from beeld.warehouse.build import Making


@dataclass(frozen=True)
class Verdict:
    """One row of `controle`."""

    controle: str
    bron: str
    onderwerp: str
    ernst: str
    geslaagd: bool
    aantal: int
    toelichting: str


@dataclass
class Run:
    """One refresh that holds the lock of its home; each method is a step, and a step that is left out is missed by the next.

    After `decide` either `known` is the release that these very inputs gave before, and there is nothing to build, or `making`
    is the release to be built.
    """

    settings: Settings
    options: Options
    catalog: Catalog
    progress: Callable[[str], None]
    stack: ExitStack
    """Closes the build database when the run ends."""
    shelf: Shelf
    fetched: dict[str, list[Delivered]] = field(default_factory=dict[str, "list[Delivered]"])
    known: Path | None = None
    passed: bool = False
    _inputs: Inputs | None = None
    _thresholds: Thresholds | None = None
    _making: Making | None = None

    def fetch(self, bron: str) -> list[Delivered]:
        """Look at one source, fetch what changed, and return how each of its tables stands."""
        self.fetched[bron] = self._look(bron, self.options)
        return self.fetched[bron]

    def worth_another_try(self, delivered: Sequence[Delivered]) -> bool:
        """True when a table could not be read for a reason that may pass; a refusal stays one, and offline nobody is asked."""
        return not self.options.offline and any(item.transient for item in delivered)

    def _look(self, bron: str, options: Options) -> list[Delivered]:
        from beeld import refresh

        alone = replace(self.catalog, sources={bron: self.catalog.sources[bron]})
        return refresh.fetch(self.settings, options, alone, transport=None, progress=self.progress, shelf=self.shelf)

    def decide(self) -> None:
        """Find the release that these inputs gave before, or begin a new one; a source that was not asked stands as archived."""
        from beeld import refresh
        from beeld.warehouse.build import open_build

        archived = replace(self.options, offline=True)
        tables = [
            item
            for bron in self.catalog.sources
            for item in (self.fetched[bron] if bron in self.fetched else self._look(bron, archived))
        ]
        inputs = refresh.gather_inputs(self.settings, self.options, self.catalog, tables)
        thresholds = refresh.thresholds_of(self.settings, self.options, self.catalog)
        self._inputs, self._thresholds = inputs, thresholds
        self.known = refresh.existing_release(self.settings, inputs, thresholds)
        if self.known is None:
            refresh.want_room(self.settings)
            con = self.stack.enter_context(closing(open_build(self.settings.build / "bouw.duckdb")))
            before = refresh.predecessor(self.settings, inputs, thresholds)
            identity = refresh.identify(inputs, thresholds, before)
            self._making = refresh.making_of(con, self.settings, self.catalog, inputs, identity, thresholds, self.shelf, before)

    @property
    def making(self) -> Making:
        """The release that is being built; UsageError in a run that left out the steps before."""
        if self._making is None:
            raise UsageError(
                "this asset cannot be materialised on its own",
                kept="Nothing was changed",
                todo="Launch the job 'verversen': the build database lives as long as one run",
            )
        return self._making

    @property
    def release_id(self) -> str:
        """The release that this run ends with."""
        return self.known.name if self.known is not None else self.making.release.id

    @property
    def warnings(self) -> list[str]:
        """What users should know of the deliveries behind the release."""
        from beeld.sources.fetch import warnings_of

        return list(warnings_of(self._inputs.delivered)) if self._inputs else []

    def preview(self, table: str) -> str:
        """What a table of this run's release holds, as counts in Markdown."""
        from beeld.assets.previews import preview
        from beeld.warehouse.read import open_warehouse, warehouse_file

        if self.known is None:
            return preview(self.making.con, table)
        with closing(open_warehouse(warehouse_file(self.known))) as con:
            return preview(con, table)

    def check(self) -> list[Verdict]:
        """Run every check once; the rows of `controle`, also when a check of severity fout failed (then `passed` is false)."""
        from beeld.warehouse.checks import run_checks
        from beeld.warehouse.read import open_warehouse, warehouse_file

        select = "select controle, bron, onderwerp, ernst, geslaagd, aantal, toelichting from controle order by controle"
        if self.known is not None:
            with closing(open_warehouse(warehouse_file(self.known))) as con:
                return [Verdict(*row) for row in con.execute(select).fetchall()]
        try:
            run_checks(self.making.con, self.catalog)
            self.passed = True
        except ChecksFailed as error:
            self.progress(error.message)
        return [Verdict(*row) for row in self.making.con.execute(select).fetchall()]

    def publish(self) -> Path:
        """Make the checked release current and return its folder; UsageError when it was not checked or did not pass."""
        from beeld import refresh
        from beeld.warehouse.release import switch
        from beeld.warehouse.retention import retain

        if self.known is not None:
            switch(self.settings, self.known.name)
            return self.known
        making = self.making
        if not self.passed or self._inputs is None or self._thresholds is None:
            raise UsageError("the checks did not pass in this run", kept="Nothing was published, the last release stands")
        folder = refresh.write(making.con, self.settings, self.catalog, making.release, self.progress)
        made = refresh.publish(folder, self.settings, self.catalog, self._inputs, making.release, self._thresholds, self.progress)
        retain(self.settings)
        return made


@contextmanager
def open_run(settings: Settings, options: Options, what: str, progress: Callable[[str], None]) -> Generator[Run]:
    """A run that holds the lock of its home until it ends; Busy when another refresh holds it."""
    from beeld.refresh import open_shelf
    from beeld.warehouse import release

    with release.exclusive(settings, what), open_shelf(settings) as shelf, ExitStack() as stack:
        release.sweep(settings)
        catalog = load_catalog(settings.project, settings.home, example=settings.example)
        yield Run(settings, options, catalog, progress, stack, shelf)
