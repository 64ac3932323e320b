"""`python -m gpu.engines.comfyui`: serves until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from gpu.engines.comfyui.engine import Engine
from gpu.engines.comfyui.execution import Pace
from gpu.engines.comfyui.server import serving

MOST_PICTURES = 500  # kept where nobody asked for them to be kept


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gpu.engines.comfyui", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8188, help="0 takes any free one")
    parser.add_argument("--folder", type=Path, help="keeps the pictures; without it they go when it ends")
    parser.add_argument("--most", type=int, help="keeps only so many pictures in each of its folders")
    parser.add_argument("--picture-seconds", type=float, default=3.0, help="what one picture takes")
    parser.add_argument("--load-seconds", type=float, default=1.0, help="what loading a model takes")
    return parser.parse_args()


async def serve(arguments: argparse.Namespace, folder: Path, most: int | None = None) -> None:
    """Answers until SIGTERM or Ctrl-C; then hangs up, in mid-picture if it must."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    pace = Pace(arguments.picture_seconds, arguments.load_seconds)
    engine = Engine(folder, pace=pace, most_pictures=most)
    async with serving(engine, arguments.host, arguments.port) as port:
        sys.stdout.write(f"ComfyUI's stand-in answers at http://{arguments.host}:{port}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> int:
    """Returns the exit status."""
    arguments = _arguments()
    try:
        if arguments.folder:
            asyncio.run(serve(arguments, arguments.folder, arguments.most))
        else:
            with tempfile.TemporaryDirectory(prefix="ollama-chat-pictures-") as folder:
                asyncio.run(serve(arguments, Path(folder), arguments.most or MOST_PICTURES))
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
