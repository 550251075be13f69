"""An environment may have runs compute the first stages only, or publish nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blocks.lake import local_lake
from flows.run import RunFailedError
from tasks.releases import read_release

pytestmark = pytest.mark.slow
DAY = date(2024, 1, 6)


def layers(lake: Path) -> set[str]:
    tables = read_release(local_lake(lake), "ecommerce").tables
    return {name.partition(".")[0] for name in tables}


def test_the_first_stages_publish_their_tables_and_take_none_away(
    run_flow: Callable[..., Any],
    own_lake: Path,
    small_bronze: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEDALLION_STAGES", "bronze,dimensions,silver")
    done = run_flow(tmp_path / "new", DAY, bronze=small_bronze)
    assert [stage.stage for stage in done.record.stages] == [
        "bronze",
        "dimensions",
        "silver",
        "publish",
    ]
    assert layers(tmp_path / "new") == {"silver", "dims"}
    with pytest.raises(
        RunFailedError, match=r"leave enriched\..* out, which readers see"
    ) as caught:
        run_flow(own_lake, DAY, bronze=small_bronze)
    assert caught.value.record.release is None
    assert layers(own_lake) == {"silver", "dims", "enriched", "gold"}


def test_an_environment_that_publishes_nothing_changes_nothing_for_readers(
    run_flow: Callable[..., Any],
    own_lake: Path,
    small_bronze: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEDALLION_PUBLISH", "false")
    before = read_release(local_lake(own_lake), "ecommerce")
    done = run_flow(own_lake, date(2024, 1, 7), bronze=small_bronze)
    assert (done.record.status, done.record.release) == ("computed", None)
    assert "gold" in {stage.stage for stage in done.record.stages}
    assert read_release(local_lake(own_lake), "ecommerce") == before
    assert "Computed, not published" in Path(done.report).read_text()
    monkeypatch.setenv("MEDALLION_STAGES", "bronze")
    done = run_flow(own_lake, DAY, bronze=small_bronze)
    assert [stage.stage for stage in done.record.stages] == ["bronze"]
