"""A loopback HTTP server that answers as CBS OData v3 and PDOK OGC API Features do: for tests only.

It imports nothing from `beeld`: it is an independent oracle, written from the facts about the live services.
"""

from .faults import Fault, FaultKind
from .server import LogEntry, LoopbackServer

__all__ = ["Fault", "FaultKind", "LogEntry", "LoopbackServer"]
