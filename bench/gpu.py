"""The card: `python3 start.py bench gpu`, or `python -m bench.gpu`.

Measures grants over a Redis of its own, then the hand-over between the stand-ins for Ollama
and ComfyUI, then simulates days of a household and of a team under three policies. Prints
Markdown, writes it to build/bench-gpu.md and into docs/scheduling.md, and draws its plots.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.processes import ROOT, free_port, redis_command

REPORT = ROOT / "build" / "bench-gpu.md"
GUIDE = ROOT / "docs" / "scheduling.md"
PLOTS = ROOT / "docs" / "scheduling"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@contextmanager
def own_redis(folder: Path) -> Iterator[None]:
    """Have the project's own modules use a Redis and a database of this run's own."""
    port = free_port()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "ollamachat.settings",
        "OLLAMA_CHAT_DATA": str(folder),
        "REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "DJANGO_SECRET_KEY": secrets.token_hex(32),
        "JWT_SECRET": secrets.token_hex(32),
        "GPU_SETTLE": "0",
    }
    for name in ("GPU_OLLAMA_SLOTS", "GPU_POLICY", "GPU_HANDOFF", "OLLAMA_URL", "COMFYUI_URL"):
        os.environ.pop(name, None)
    server = subprocess.Popen(redis_command(port, folder), stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("Redis did not start.")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def measure_live() -> list[str]:
    """Return the sections that need a Redis and the stand-ins."""
    import django

    django.setup()
    from django.core.management import call_command

    from bench import gpu_handoff, gpu_line

    call_command("migrate", verbosity=0)
    timings = [*gpu_line.measure_grants(), gpu_line.measure_forecast()]
    rates = [[str(rate.processes), f"{rate.a_second:.0f}"] for rate in gpu_line.measure_rates()]
    return [
        "### One lease on an idle card",
        table(["ms", "p50", "p95", "p99"], [timing.cells() for timing in timings]),
        f"### Leases a second while {gpu_line.WAITERS} wait",
        table(["processes that work", "granted, claimed and released a second"], rates),
        "### Handing the card over",
        table(gpu_handoff.COLUMNS, gpu_handoff.measure_handoff()),
    ]


def simulate_days(plots: Path | None) -> list[str]:
    """Return the sections of the simulated days."""
    from bench import gpu_days

    results, sections = gpu_days.run_days(), list[str]()
    for house, by_policy in results.items():
        rows = [gpu_days.cells(policy, result) for policy, result in by_policy.items()]
        told = gpu_days.asked(by_policy["fifo"])
        sections += [f"### A day of {house}", f"{told}.\n", table(gpu_days.COLUMNS, rows)]
    if plots:
        gpu_days.plot(results, plots)
    return sections


def write_guide(text: str) -> None:
    """Put the measurements between the guide's two marks."""
    guide = GUIDE.read_text(encoding="utf-8")
    before, _, rest = guide.partition(BEGIN)
    _, _, after = rest.partition(END)
    GUIDE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure, simulate, write."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu", description="What the line for the card costs"
    )
    parser.add_argument("--days-only", action="store_true", help="simulate, measure nothing, write no report")
    parser.add_argument("--no-plots", action="store_true", help="without matplotlib")
    given = parser.parse_args()
    plots = None if given.no_plots else PLOTS
    if given.days_only:
        print("\n".join(simulate_days(plots)))
        return
    with tempfile.TemporaryDirectory() as folder, own_redis(Path(folder)):
        sections = measure_live()
    text = "\n".join([*sections, *simulate_days(plots)])
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    write_guide(text)
    print(text)


if __name__ == "__main__":
    main()
