"""`python -m tests.loopback --data DIR [--port N]`: run the loopback server in the foreground."""

import argparse
import sys
import threading
from pathlib import Path

from .server import LoopbackServer


def main() -> int:
    """Parse the command line, print the export lines on stdout and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.loopback", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder with odata_v3/ and geo/")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--page-size", type=int, default=10_000, help="rows per page of the Feed")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds to wait before each answer")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"no such folder: {arguments.data}")
    with LoopbackServer(arguments.data, port=arguments.port, page_size=arguments.page_size) as server:
        server.latency = arguments.latency
        for name, value in server.environment.items():
            print(f"export {name}={value}")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
