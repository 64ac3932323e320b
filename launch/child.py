"""Runs a command that ends with its parent (Linux): `python -I -S child.py PARENT COMMAND...`.

The wish to be killed with the parent is made by a process for itself and outlives `exec`. It is not made
between `fork` and `exec`, where a process with threads must not run Python.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Becomes the command; returns only when there is nothing to become."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return 0  # it died before the wish was made
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    sys.exit(main())
