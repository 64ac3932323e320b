"""Ends what is left of our processes should the supervisor be killed (POSIX).

Each process asks the kernel to die with us, but not what it has started itself, and macOS knows no such
wish. So a shell, which costs a megabyte, is told every process group and kills them all once we are gone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable

SCRIPT = """
trap "" HUP INT TERM
while read -r line; do groups=$line; done
for group in $groups; do kill -KILL "-$group"; done
"""


class Warden:
    """Knows the running groups; forgets them all on `dismiss`."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        if os.name == "posix":
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", SCRIPT],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def tell(self, groups: Iterable[int]) -> None:
        """Replace the list of groups to end."""
        if self._shell and self._shell.stdin:
            with contextlib.suppress(OSError):
                self._shell.stdin.write((" ".join(str(group) for group in groups) + "\n").encode())
                self._shell.stdin.flush()

    def dismiss(self) -> None:
        """Send the shell away; nothing is left for it to end."""
        self.tell([])
        if self._shell and self._shell.stdin:
            self._shell.stdin.close()
            self._shell.wait()
            self._shell = None
