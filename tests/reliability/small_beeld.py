"""`beeld` on the small example in a process of its own: `python small_beeld.py PROJECT COMMAND...`.

The real command line and its real exit codes; only the declarations are those of the example, which no variable gives.
"""

import sys
from dataclasses import replace
from pathlib import Path

from beeld import cli
from beeld.settings import Settings, load_settings


def main() -> None:
    """Run the command line."""
    project = Path(sys.argv.pop(1))

    def example(*_: object) -> Settings:
        return replace(load_settings(folder=project), project=project, example=True)

    cli.load_settings = example
    cli.main()


if __name__ == "__main__":
    main()
