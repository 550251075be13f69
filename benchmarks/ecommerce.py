"""A whole ecommerce run, side by side with a plain DuckDB script on the same data.

Belongs here: measuring wall time and peak memory of whole processes, in rounds that alternate, and
printing ratios. Absolute seconds say little on a shared machine; ratios of one round say more.

    python -m benchmarks.ecommerce [--orders N] [--days D] [--rounds R]
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

from benchmarks.measuring import MEDALLION, OUT, Measured, measure, prefect_server

FIRST_DAY = date(2024, 1, 1)


def sample(orders: int, days: int) -> Path:
    """The data, made once."""
    folder = OUT / f"bronze-{orders}-{days}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = [MEDALLION, "sample", "ecommerce"]
        command += ["--orders", str(orders), "--days", str(days), "--seed", "7"]
        subprocess.run([*command, "--dirt", "0.02", "--out", str(folder)], check=True)
        (folder / "done").touch()
    return folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--memory-limit", default="1500MB")
    given = parser.parse_args()
    bronze = sample(given.orders, given.days)
    env = dict(os.environ) | {
        "MEDALLION_THREADS": str(given.threads),
        "MEDALLION_MEMORY_LIMIT": given.memory_limit,
        "PREFECT_HOME": str(OUT / "prefect"),
    }
    last = FIRST_DAY + timedelta(days=given.days - 1)
    lake = OUT / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    run = [MEDALLION, "run", "ecommerce", "--bronze", str(bronze), "--run-date", str(last)]
    run += ["--lake", str(lake), "--full-refresh", "--json"]
    plain = [sys.executable, str(Path(__file__).with_name("plain_duckdb.py")), str(bronze)]
    plain += [str(OUT / "plain"), str(given.threads)]

    plains: list[Measured] = []
    by_day: list[Measured] = []
    reused: list[Measured] = []
    embedded: list[Measured] = []
    with prefect_server(env) as served:
        for number in range(given.rounds + 1):
            results = (
                measure(plain, env),
                measure([*plain, "by-day"], env),
                measure(run, served),
                measure(run, env),
            )
            if number == 0:
                continue  # warms the disk cache and dbt's parse of the project
            for kept, result in zip((plains, by_day, reused, embedded), results, strict=True):
                kept.append(result)
            print(
                f"round {number}: plain {results[0].seconds:.1f} s, by day "
                f"{results[1].seconds:.1f} s, run {results[2].seconds:.1f} s "
                f"({results[2].seconds / results[0].seconds:.2f} x, "
                f"{results[2].seconds / results[1].seconds:.2f} x), run with its own API "
                f"{results[3].seconds:.1f} s; CPU {results[0].cpu_seconds:.1f}, "
                f"{results[1].cpu_seconds:.1f}, {results[2].cpu_seconds:.1f} s",
                flush=True,
            )
    document = json.loads(reused[-1].output)
    rows = sum(t.get("bronze", 0) for t in document["tables"].values())
    ratio, daily = (
        statistics.median(
            mine.seconds / base.seconds for mine, base in zip(reused, scripts, strict=True)
        )
        for scripts in (plains, by_day)
    )
    added = statistics.median(
        own.seconds - mine.seconds for own, mine in zip(embedded, reused, strict=True)
    )
    print(f"\n{given.orders:,} orders, {rows:,} bronze rows, {given.threads} threads")
    print(
        f"whole run / plain script: {ratio:.2f} x (median of {given.rounds} rounds); "
        f"{daily:.2f} x where the script cuts its files by day as silver is"
    )
    print(f"starting Prefect's API adds {added:.1f} s to the wall clock")
    print(f"peak memory: run {max(m.peak_gb for m in [*reused, *embedded]):.2f} GB, ", end="")
    print(f"plain script {max(m.peak_gb for m in plains):.2f} GB")
    stages = ", ".join(f"{name} {spent:.1f}" for name, spent in document["stages"].items())
    print(f"stages of the last run, seconds: {stages}")
    help_seconds = min(measure([MEDALLION, "--help"], env).seconds for _ in range(3))
    print(f"medallion --help: {help_seconds:.2f} s")


if __name__ == "__main__":
    main()
