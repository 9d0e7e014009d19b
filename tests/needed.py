"""Programs that some tests need beside Python: without one they skip on a machine of a developer, and fail in CI (.ci/run)."""

import os

import pytest


def absent(program: str, package: str) -> None:
    """Leave the test: `program`, which Debian's `package` has, is not on this machine."""
    if os.environ.get("CI"):
        pytest.fail(f"CI has to have {program}: see .ci/run")
    pytest.skip(f"there is no {program} here: apt-get install {package}")
