"""`python -m gpu.engines.ollama`: serves until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import signal
import sys

from gpu.engines.ollama.api import Api
from gpu.engines.ollama.asks import read_keep_alive
from gpu.engines.ollama.errors import ApiError
from gpu.engines.ollama.model import Model, find_file
from gpu.engines.ollama.residency import Residency
from gpu.engines.ollama.wire import Connection


def _keep_alive(text: str) -> float:
    try:
        seconds = read_keep_alive(float(text) if text.lstrip("-").replace(".", "", 1).isdigit() else text)
    except ApiError as error:
        raise argparse.ArgumentTypeError(error.text) from error
    return seconds or 0.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gpu.engines.ollama", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=11434, help="0 takes any free one")
    parser.add_argument("--keep-alive", type=_keep_alive, default="5m", help="seconds, or a duration as 5m")
    parser.add_argument("--num-parallel", type=int, default=1, help="answers computed at once")
    return parser.parse_args()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def serve(arguments: argparse.Namespace) -> None:
    """Answers until SIGTERM or Ctrl-C; then ends the model's process and hangs up."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    parallel = max(arguments.num_parallel, 1)
    residency = Residency(parallel=parallel, default_keep_alive=arguments.keep_alive)
    loopback = _is_loopback(arguments.host)
    api = Api(Model(find_file()), residency, parallel=parallel, loopback=loopback)
    server = await loop.create_server(lambda: Connection(api), arguments.host, arguments.port)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"Ollama's stand-in answers at http://{arguments.host}:{port}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    await residency.close()


def main() -> int:
    """Returns the exit status."""
    try:
        asyncio.run(serve(_arguments()))
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
