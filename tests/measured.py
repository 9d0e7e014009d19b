"""What a test of time or memory starts its process with."""

import os


def untraced() -> dict[str, str]:
    """The environment of this process, without what counts lines: counting them costs more than running them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS_")}
