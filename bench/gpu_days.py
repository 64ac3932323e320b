"""The simulated days as tables and as plots."""

from __future__ import annotations

from pathlib import Path

from gpu.simulation import HOUSEHOLD, POLICIES, TEAM, House, Result, mean, share_at, simulate

DAYS = 60
NAMES = {"fifo": "first come, first served", "strict": "strict priority", "household": "ours (household)"}
HOUSES = (HOUSEHOLD, TEAM)
LOADS = (1.0, 1.5, 2.0, 2.5, 3.0)
COLUMNS = (
    "policy",
    "chat waits, s: mean / p95 / longest",
    "picture waits, s: mean / p95 / longest",
    "switches a day",
    "computing / switching, % of the day",
    "Jain's index",
)


def cells(policy: str, result: Result) -> list[str]:
    """Return the row of the table."""
    days = result.days
    waits = [_waits(result.waited(pictures=pictures)) for pictures in (False, True)]
    shares = f"{result.utilisation() * 100:.1f} / {result.switching / days / 864:.1f}"
    return [NAMES[policy], *waits, f"{result.switches / days:.0f}", shares, f"{mean(result.fair):.3f}"]


def _waits(seconds: list[float]) -> str:
    return f"{mean(seconds):.1f} / {share_at(seconds, 0.95):.0f} / {max(seconds):.0f}"


def asked(result: Result) -> str:
    """Return what a day was, in words."""
    counts = [len(result.waited(pictures=pictures)) / result.days for pictures in (False, True)]
    return f"{counts[0]:.0f} answers and {counts[1]:.0f} orders of pictures a day, mean of {result.days} days"


def run_days(days: int = DAYS) -> dict[str, dict[str, Result]]:
    """Return the results by house and policy."""
    return {
        house.name: {policy: simulate(house, policy, days=days) for policy in POLICIES} for house in HOUSES
    }


def run_loads(house: House, days: int = DAYS // 4) -> dict[str, list[Result]]:
    """Return what comes of more and more sessions, by policy."""
    return {
        policy: [simulate(house.busier(load), policy, days=days) for load in LOADS] for policy in POLICIES
    }


def plot(results: dict[str, dict[str, Result]], folder: Path) -> None:
    """Draw the plots into the folder, with busier days of the team besides."""
    import matplotlib as mpl

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    _plot_waits(results, folder / "waits.png")
    _plot_loads(run_loads(TEAM), folder / "load.png")


COLOURS = {"fifo": "#8a8f98", "strict": "#d08a2e", "household": "#2f6fd0"}


def _plot_waits(results: dict[str, dict[str, Result]], path: Path) -> None:
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(2, 2, figsize=(9, 6), sharex=True, layout="constrained")
    for row, (house, by_policy) in zip(grid, results.items(), strict=True):
        for axes, pictures in zip(row, (False, True), strict=True):
            for policy, result in by_policy.items():
                ordered = sorted(result.waited(pictures=pictures))
                left = [1 - place / len(ordered) for place in range(len(ordered))]
                axes.plot(
                    [max(1, value) for value in ordered], left, label=NAMES[policy], color=COLOURS[policy]
                )
            axes.set(xscale="log", yscale="log", title=f"{house}: {'pictures' if pictures else 'chats'}")
            axes.set(xlim=(1, 5_000), ylim=(1e-4, 1.1))
            axes.grid(alpha=0.25)
    for axes in grid[1]:
        axes.set_xlabel("seconds")
    for axes in grid[:, 0]:
        axes.set_ylabel("share that waits longer")
    grid[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _plot_loads(loads: dict[str, list[Result]], path: Path) -> None:
    from matplotlib import pyplot

    figure, row = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for axes, pictures in zip(row, (False, True), strict=True):
        for policy, results in loads.items():
            values = [share_at(result.waited(pictures=pictures), 0.95) for result in results]
            axes.plot(LOADS, values, marker="o", label=NAMES[policy], color=COLOURS[policy])
        axes.set(title="pictures" if pictures else "chats", xlabel="sessions, times a usual day's")
        axes.grid(alpha=0.25)
    row[0].set_ylabel(f"p95 of the wait, s ({TEAM.name})")
    row[0].legend(fontsize=8)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
