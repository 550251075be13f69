"""The made-up fleet: the same for the same seed, and with as many faults as it says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tasks.sample_data.coordination import write_coordination
from tests.oracle.coordination import coordination_outputs


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.jsonl")}


def test_the_same_seed_gives_the_same_files_and_the_faults_that_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        summary, faulty = write_coordination(tmp_path / name, tasks=300, days=3, seed=5, dirt=0.1)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert summary.rows["tasks"] == 300
    assert summary.files == len(contents(tmp_path / "a")) == 9
    found = coordination_outputs(tmp_path / "a", date(2024, 1, 3))
    rejected = {
        (row["source_file"], row["source_row"])
        for name in ("processed_tasks", "aggregated_metrics", "validated_lineage")
        for row in found[f"silver.{name}_quarantine"].dicts()
    }
    assert len(rejected) == faulty > 20
    assert len(found["gold.daily_analytics"].rows) == 3


def test_a_clean_fleet_has_no_faults(tmp_path: Path) -> None:
    _, faulty = write_coordination(tmp_path, tasks=20, days=2, seed=1, dirt=0.0)
    found = coordination_outputs(tmp_path, date(2024, 1, 2))
    assert faulty == 0
    assert all(not table.rows for name, table in found.items() if name.endswith("_quarantine"))
    with pytest.raises(ValueError, match="too few"):
        write_coordination(tmp_path, tasks=1, days=2, seed=1)
