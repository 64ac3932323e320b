"""A zip that is written while it is sent, however large it becomes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator

PACKED = (".png", ".jpg", ".webp")  # formats that pack themselves

File = tuple[str, bytes]
"""A name inside the archive, and its content."""


class _Pipe:
    """A file that keeps what is written until it is taken; zipfile sees that it can't go back in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is nothing below."""

    def close(self) -> None:
        """Do nothing, for the same reason."""

    def take(self) -> Iterator[bytes]:
        """Yield what has been written, and forget it."""
        pieces, self._pieces = self._pieces, []
        yield from pieces


def write_zip(files: Iterable[File]) -> Iterator[bytes]:
    """Yield the zip piece by piece; one file is in memory at a time, and of a name the first stands."""
    pipe, known = _Pipe(), set[str]()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name, data in files:
            if name in known:
                continue
            known.add(name)
            how = zipfile.ZIP_STORED if name.endswith(PACKED) else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=how)
            yield from pipe.take()
    yield from pipe.take()
