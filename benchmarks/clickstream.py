"""Clickstream runs, side by side with a plain DuckDB script on the same CSV files.

Belongs here: the full run against the script, one new day on top of thirty, and how cost grows with
new rows. Absolute seconds say little on a shared machine; ratios of one round say more.

    python -m benchmarks.clickstream [--events N] [--rounds R] [--scale 1 5 10 50]
        [--memory-limit 2GB]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

from benchmarks.measuring import (
    MEDALLION,
    OUT,
    Measured,
    folder_bytes,
    measure,
    prefect_server,
)
from tasks.sample_data.clickstream_files import write_clickstream

FIRST_DAY, DAYS = date(2024, 1, 1), 30
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)


def sample(events: int) -> tuple[Path, Path]:
    """Folders with thirty days of CSV files and with the day after them, made once."""
    folders = OUT / f"events-{events}", OUT / f"events-{events}-next"
    for folder, days in zip(folders, (range(DAYS), range(DAYS, DAYS + 1)), strict=True):
        if not (folder / ".done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            write_clickstream(
                folder,
                events=events,
                days=DAYS,
                seed=7,
                dirt=0.01,
                first_day=FIRST_DAY,
                only_days=days,
            )
            (folder / ".done").touch()
    return folders


def run(source: Path, day: date, lake: Path, env: dict[str, str], *options: str) -> Measured:
    """Land a folder and run for a day."""
    command = [MEDALLION, "run", "clickstream", "--source", str(source), "--lake", str(lake)]
    return measure([*command, "--run-date", day.isoformat(), "--json", *options], env)


def plain(source: Path, env: dict[str, str], threads: int) -> Measured:
    """Run the script."""
    script = str(Path(__file__).with_name("plain_clickstream.py"))
    command = [sys.executable, script, str(source), str(OUT / "plain-events"), str(threads)]
    return measure([*command, LAST_DAY.isoformat()], env)


def full_run(events: int, env: dict[str, str], *options: str) -> tuple[Measured, Path]:
    """Run over thirty days in a new lake."""
    lake = OUT / "lake-events"
    shutil.rmtree(lake, ignore_errors=True)
    return run(sample(events)[0], LAST_DAY, lake, env, *options), lake


def compare(events: int, rounds: int, env: dict[str, str], threads: int) -> None:
    """The full run and the new day, against the script and each other."""
    source, following = sample(events)
    ratios, days = [], []
    for number in range(1, rounds + 1):
        script = plain(source, env, threads)
        full, lake = full_run(events, env)
        silver, raw = folder_bytes(lake / "silver"), folder_bytes(source)
        written = folder_bytes(lake)
        new = run(following, LAST_DAY + timedelta(days=1), lake, env)
        ratios.append(full.seconds / script.seconds)
        days.append(full.seconds / new.seconds)
        added = folder_bytes(lake / "silver") - silver
        rewrite = folder_bytes(OUT / "plain-events" / "silver")
        print(
            f"round {number}: script {script.seconds:.1f} s, full run {full.seconds:.1f} s "
            f"({ratios[-1]:.2f} x), one new day {new.seconds:.1f} s (1/{days[-1]:.1f})\n"
            f"  CPU: script {script.cpu_seconds:.0f} s, full run {full.cpu_seconds:.0f} s "
            f"({full.cpu_seconds / script.cpu_seconds:.2f} x), "
            f"new day {new.cpu_seconds:.0f} s (1/{full.cpu_seconds / new.cpu_seconds:.1f})\n"
            f"  peak memory: script {script.peak_gb:.2f} GB, full run {full.peak_gb:.2f} GB, "
            f"new day {new.peak_gb:.2f} GB\n"
            f"  bytes: CSV {raw / 1e9:.2f} GB, lake {written / 1e9:.2f} GB, silver "
            f"{silver / 1e9:.2f} GB ({silver / rewrite:.2f} x the script's), "
            f"new day adds {added / 1e6:.1f} MB of silver\n"
            f"  stages: {_stages(full)}\n  new day: {_stages(new)}",
            flush=True,
        )
    print(
        f"{events:,} events: full run / script {statistics.median(ratios):.2f} x, "
        f"full run / new day {statistics.median(days):.1f} (medians of {rounds})"
    )


def grow(millions: list[int], env: dict[str, str], *options: str) -> None:
    """Full runs of growing size: seconds and memory a million events."""
    for size in millions:
        done, lake = full_run(size * 1_000_000, env, *options)
        print(
            f"{size} million events{' ' + ' '.join(options) if options else ''}: "
            f"{done.seconds:.1f} s, {done.seconds / size:.2f} s a million, "
            f"{done.cpu_seconds:.0f} CPU s, peak {done.peak_gb:.2f} GB, "
            f"lake {folder_bytes(lake) / 1e9:.2f} GB; {_stages(done)}",
            flush=True,
        )


def _stages(done: Measured) -> str:
    stages = json.loads(done.output)["stages"]
    return ", ".join(f"{name} {spent:.1f}" for name, spent in stages.items())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--scale", type=int, nargs="*", default=[], metavar="MILLIONS")
    parser.add_argument("--memory-limit", default=None)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    env = dict(os.environ) | {
        "MEDALLION_THREADS": str(given.threads),
        "PREFECT_HOME": str(OUT / "prefect"),
    }
    options = ["--memory-limit", given.memory_limit] if given.memory_limit else []
    with prefect_server(env) as served:
        if given.rounds:
            compare(given.events, given.rounds, served, given.threads)
        grow(given.scale, served, *options)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(str(error))
