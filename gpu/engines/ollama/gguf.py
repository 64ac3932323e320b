"""What a GGUF file says of itself, read from its first pages without loading the model."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY, FLOAT32 = 8, 9, 6
TENSOR_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 14: "Q6_K"}
FILE_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0"}


@dataclass(frozen=True)
class Gguf:
    """Metadata (None for arrays, as Ollama shows them) and tensors of a model file."""

    metadata: dict[str, Any]
    tensors: list[dict[str, Any]]

    @property
    def parameters(self) -> int:
        return sum(prod(tensor["shape"]) for tensor in self.tensors)

    @property
    def quantization(self) -> str:
        return FILE_TYPES.get(self.metadata.get("general.file_type", -1), "unknown")


def read_gguf(path: Path) -> Gguf:
    """Returns what the file's header says; raises ValueError if it is no GGUF file."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            msg = f"{path.name} is not a GGUF file"
            raise ValueError(msg)
        _, tensors, pairs = struct.unpack("<IQQ", file.read(20))
        metadata = {_string(file): _value(file, _number(file, "I")) for _ in range(pairs)}
        return Gguf(metadata, sorted((_tensor(file) for _ in range(tensors)), key=_place))


def _place(tensor: dict[str, Any]) -> tuple[int, str]:
    """Orders tensors as Ollama lists them: those of no block first, then block by block."""
    first, *rest = tensor["name"].split(".")
    return (int(rest[0]) if first == "blk" else -1, tensor["name"])


def _number(file: BinaryIO, code: str) -> Any:
    return struct.unpack(f"<{code}", file.read(struct.calcsize(f"<{code}")))[0]


def _string(file: BinaryIO) -> str:
    return file.read(_number(file, "Q")).decode()


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        _skip_array(file)
        return None
    value = _number(file, SCALARS[kind])
    return float(f"{value:.7g}") if kind == FLOAT32 else value


def _skip_array(file: BinaryIO) -> None:
    kind, count = _number(file, "I"), _number(file, "Q")
    if kind in SCALARS:
        file.seek(count * struct.calcsize(f"<{SCALARS[kind]}"), 1)
        return
    for _ in range(count):
        _value(file, kind)


def _tensor(file: BinaryIO) -> dict[str, Any]:
    name = _string(file)
    shape = [_number(file, "Q") for _ in range(_number(file, "I"))]
    kind = TENSOR_TYPES.get(_number(file, "I"), "unknown")
    _number(file, "Q")  # its offset in the file
    return {"name": name, "type": kind, "shape": shape}
