"""Daily analytics of a fleet's tasks, side by side with jq on the same JSON lines of bronze.

Belongs here: landing samples of several sizes, measuring whole processes in rounds that alternate,
comparing what both found, and printing ratios. Absolute seconds say little on a shared machine.

It needs `jq` (Debian: apt-get install jq). Both sides read the lines of bronze, which are landed
beforehand, and write a document a day.

    python -m benchmarks.coordination [--tasks 1000 10000 100000 1000000] [--rounds R]
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measuring import MEDALLION, OUT, Measured, measure
from tasks.sample_data.coordination import write_coordination

FIRST_DAY, DAYS = date(2024, 1, 1), 30
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
# With fewer tasks, starting is what takes memory.
_STARTED = 10_000
SCRIPT = Path(__file__).with_name("shell_analytics.sh")


def bronze_of(tasks: int, env: dict[str, str]) -> Path:
    """A lake with so many tasks in bronze, landed once."""
    lake, source = OUT / f"fleet-{tasks}", OUT / f"fleet-{tasks}-files"
    if not (lake / ".done").exists():
        shutil.rmtree(lake, ignore_errors=True)
        shutil.rmtree(source, ignore_errors=True)
        # Faults are left out: what jq makes of them is not what the pipeline makes of them.
        write_coordination(source, tasks=tasks, days=DAYS, seed=7, dirt=0.0, first_day=FIRST_DAY)
        for feed in ("events", "metrics"):
            shutil.rmtree(source / feed)
        command = [MEDALLION, "ingest", "coordination", "--source", str(source)]
        command += ["--lake", str(lake), "--landed-on", LAST_DAY.isoformat()]
        subprocess.run(command, check=True, env=env, stderr=subprocess.DEVNULL)
        shutil.rmtree(source)
        (lake / ".done").touch()
    return lake


def lines_of(lake: Path) -> list[str]:
    """The files of bronze that both sides read."""
    return sorted(str(p) for p in (lake / "bronze/coordination/raw_tasks").rglob("*.jsonl"))


def differences(ours: Path, theirs: Path) -> int:
    """How many days the two sides tell differently, in what either tells."""
    found = [json.loads(path.read_text()) for path in sorted((ours / "daily").glob("*.json"))]
    wanted = {day["date"]: day for day in map(json.loads, theirs.read_text().splitlines())}
    told = {day["date"]: day for day in found if day["summary"]["total_tasks"]}
    if told.keys() != wanted.keys():
        return len(told.keys() ^ wanted.keys())
    return sum(not _same(told[day], wanted[day]) for day in wanted)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return bool(left == right)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3, help="of the largest size there is one")
    parser.add_argument("--memory-limit", help="else the environment's")
    given = parser.parse_args()
    if shutil.which("jq") is None:
        sys.exit("jq is not there: apt-get install jq")
    env = dict(os.environ) | {"PREFECT_HOME": str(OUT / "prefect")}
    if given.memory_limit is not None:
        env["MEDALLION_MEMORY_LIMIT"] = given.memory_limit
    peaks: dict[int, tuple[float, float]] = {}
    for tasks in given.tasks:
        lake = bronze_of(tasks, env)
        files = lines_of(lake)
        size = sum(Path(path).stat().st_size for path in files)
        ours, theirs = OUT / "fleet-daily", OUT / "fleet-shell.jsonl"
        rounds: list[tuple[Measured, Measured]] = []
        for _ in range(given.rounds if tasks < max(given.tasks) else 1):
            shutil.rmtree(ours, ignore_errors=True)
            command = [MEDALLION, "daily", "--lake", str(lake), "--out", str(ours)]
            mine = measure([*command, "--run-date", LAST_DAY.isoformat()], env)
            rounds.append((mine, measure([str(SCRIPT), str(theirs), *files], env)))
        wall = statistics.median(shell.seconds / mine.seconds for mine, shell in rounds)
        cpu = statistics.median(shell.cpu_seconds / mine.cpu_seconds for mine, shell in rounds)
        peaks[tasks] = (
            max(mine.peak_gb for mine, _ in rounds),
            max(shell.peak_gb for _, shell in rounds),
        )
        mine, shell = rounds[-1]
        print(
            f"{tasks:>9,} tasks, {size / 1e6:,.1f} MB: jq takes {wall:.1f} times as long, "
            f"{cpu:.1f} times the CPU (median of {len(rounds)}; the last: jq "
            f"{shell.seconds:.2f} s, CPU {shell.cpu_seconds:.2f} s, medallion daily "
            f"{mine.seconds:.2f} s, CPU {mine.cpu_seconds:.2f} s); peak memory "
            f"medallion {1000 * peaks[tasks][0]:.0f} MB, jq {1000 * peaks[tasks][1]:.0f} MB; "
            f"{differences(ours, theirs)} days differ",
            flush=True,
        )
    print(growth(peaks))


def growth(peaks: dict[int, tuple[float, float]]) -> str:
    """Tell by how much the peaks (GB: ours, theirs) grow from 10,000 tasks to the largest size."""
    first = min((tasks for tasks in peaks if tasks >= _STARTED), default=max(peaks))
    last = max(peaks)
    ours, theirs = (peaks[last][side] / peaks[first][side] for side in (0, 1))
    return (
        f"From {first:,} to {last:,} tasks the peak of medallion grows by the factor {ours:.2f}, "
        f"that of jq by {theirs:.1f}"
    )


if __name__ == "__main__":
    main()
