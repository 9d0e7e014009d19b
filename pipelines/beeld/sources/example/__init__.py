"""The embedded example: an invented country in the sources' real wire format, read by the same readers as the real sources."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from beeld.sources.example.generate import DEFAULT_BUURTEN, generate
from beeld.sources.example.transport import ExampleTransport

EXAMPLE_AREA = "GM9001"
"""The invented gemeente that the demo renders."""


@contextmanager
def example_transport(buurten: int = DEFAULT_BUURTEN) -> Generator[ExampleTransport]:
    """A transport that answers as the services would, from documents that are generated anew (the same bytes every time)."""
    with tempfile.TemporaryDirectory(prefix="beeld-voorbeeld-") as folder:
        generate(Path(folder), buurten=buurten)
        yield ExampleTransport(Path(folder))
