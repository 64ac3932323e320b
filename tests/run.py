"""pytest with a second look: `python -m tests.run ARGUMENTS OF PYTEST` (docs/decisions/0015).

The suite starts and kills real processes on all cores at once. A test that failed in that crowd is run once
more, alone: a fault of ours fails again, a starved machine does not. What passed only alone is named.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from launch import ROOT

MOST = 4  # more failures than that are no bad luck
SOME_FAILED = 1  # pytest's exit status
PYTEST = [sys.executable, "-m", "pytest"]


def main(arguments: Sequence[str]) -> int:
    """Return pytest's exit status, the one of the second look where there was one."""
    return run(arguments, os.environ)


def run(arguments: Sequence[str], environment: Mapping[str, str], folder: Path = ROOT) -> int:
    """Run pytest in this environment and folder; returns as `main` does."""
    with tempfile.TemporaryDirectory(prefix="ollama-chat-tests-") as cache:
        status = _pytest([*arguments, "-o", f"cache_dir={cache}"], environment, folder)
        failed = _failed(Path(cache))
    if status != SOME_FAILED or not 0 < len(failed) <= MOST:
        return status
    print(f"\n=== A second look at {len(failed)} of them, one after the other", flush=True)
    status = _pytest(failed, environment, folder)
    if status == 0:
        print("\nPassed only in the second look:", *failed, sep="\n  ", flush=True)
    return status


def _pytest(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
    return subprocess.run([*PYTEST, *arguments], cwd=folder, env=dict(environment), check=False).returncode


def _failed(cache: Path) -> list[str]:
    try:
        return list(json.loads((cache / "v" / "cache" / "lastfailed").read_text(encoding="utf-8")))
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
