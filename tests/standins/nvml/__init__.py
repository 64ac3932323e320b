"""A stand-in for NVIDIA's library, compiled when it is needed; real pynvml loads it by its real name."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml.c")
LIBRARY = "libnvidia-ml.so.1"


def build(folder: Path) -> dict[str, str]:
    """Compile the library into `folder`; return the environment in which a process finds it."""
    if not shutil.which("cc"):
        raise RuntimeError("the stand-in for NVIDIA's library needs a C compiler: apt install gcc libc6-dev")
    command = ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(folder / LIBRARY), str(SOURCE)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return {"LD_LIBRARY_PATH": str(folder), "NVML_STANDIN": str(folder / "facts")}


def tell(folder: Path, facts: Iterable[str]) -> None:
    """Have the card be so from now on; a reader never sees half of it.

    Bytes that are no text are written as Python decodes them with `surrogateescape`.
    """
    fresh = folder / "facts.new"
    fresh.write_bytes("".join(f"{fact}\n" for fact in facts).encode(errors="surrogateescape"))
    fresh.replace(folder / "facts")


def calls(folder: Path) -> list[str]:
    """Return each `init` and `shutdown` so far, in order."""
    noted = folder / "facts.calls"
    return noted.read_text().split() if noted.exists() else []
