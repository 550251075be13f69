"""What users are told of two clickstream runs: figures that add up, and no internal table."""

from __future__ import annotations

import io
import json
import logging
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL
from rich.console import Console
from typer.testing import CliRunner

from cli.app import app
from cli.run_outcome import run_document
from flows.run import RunOutcome, run_pipeline
from tasks.contracts.errors import ConfigurationError
from tasks.reports.artifacts import gate_rows, run_summary_markdown, table_rows
from tasks.reports.terminal_summary import summary_tables
from tasks.sample_data.clickstream_files import write_clickstream
from tasks.specs import load_spec

pytestmark = pytest.mark.slow

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 3)
SPEC = load_spec("clickstream")
INTERNAL = [fact.name for fact in SPEC.gold if fact.internal]


class Told:
    """Two runs on one lake: the first two days, then the third; and what was logged of each."""

    def __init__(self, folder: Path) -> None:
        self.lake = folder / "lake"
        self.runs: list[RunOutcome] = []
        self.lines: list[list[str]] = []
        write_clickstream(folder / "events", events=1500, days=3, seed=2, dirt=0.1, first_day=FIRST)
        files = sorted((folder / "events").glob("*.csv"))
        for number, batch in enumerate((files[:2], files[2:])):
            source = folder / f"batch{number}"
            source.mkdir()
            for file in batch:
                file.rename(source / file.name)
            self._run(source, LAST)

    def _run(self, source: Path, day: date) -> None:
        said: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
        logger = logging.getLogger("medallion")
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            self.runs.append(
                run_pipeline("clickstream", run_date=day, lake=str(self.lake), source=str(source))
            )
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
        self.lines.append(said)


@pytest.fixture(scope="module")
def told(prefect_api: None, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("told"))


def called(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_progress_counts_each_model_that_it_tells_of(told: Told) -> None:
    for lines in told.lines:
        counted = [re.search(r"^(\w+): .*\((\d+) of (\d+) models\)$", line) for line in lines]
        for layer, whole in (("silver", 2), ("gold", 4)):
            found = [match for match in counted if match and match[1] == layer]
            assert [int(match[2]) for match in found] == list(range(1, whole + 1))
            assert {int(match[3]) for match in found} == {whole}


def test_a_run_tells_what_it_built_on_and_what_was_new(told: Told) -> None:
    first, second = (run.record for run in told.runs)
    assert (first.built_on, first.full_because) == (None, "there is no release yet")
    assert (second.built_on, second.full_because) == (1, "")
    before, after = first.tables[0], second.tables[0]
    assert before.rows_in is not None and after.rows_in is not None
    assert (before.rows_new, before.rows_carried, before.files_carried) == (before.rows_in, 0, 0)
    assert after.rows_new == after.rows_in - before.rows_in
    assert after.rows_carried is not None and after.files_carried is not None
    assert 0 < after.rows_carried <= before.rows_out
    assert 0 < after.files_carried < after.files


def test_tables_stand_in_the_order_of_the_specification(told: Told) -> None:
    shown = [f"gold.{fact.name}" for fact in SPEC.gold if not fact.internal]
    for run in told.runs:
        assert [table.table for table in run.record.tables] == ["silver.events_cleaned", *shown]
        assert [stage.stage for stage in run.record.stages] == [
            "ingest",
            "bronze",
            "silver",
            "gold",
            "publish",
        ]


def test_quality_follows_from_the_accounting(told: Told) -> None:
    for run in told.runs:
        events = run.record.tables[0]
        assert events.quality is not None and events.rows_in and events.superseded
        rivals = events.rows_in - events.superseded
        assert events.quality.score_pct == pytest.approx(100 * events.rows_out / rivals)
        assert events.quality.duplicate_pct == pytest.approx(
            100 * events.superseded / events.rows_in
        )
        reasons = run.record.quarantine_reasons["events_cleaned"]
        assert events.quality.broken_rule_pct == pytest.approx(
            {rule: 100 * rows / events.rows_in for rule, rows in reasons.items()}
        )
        (gate,) = [gate for gate in run.record.gates if gate.check == "quality_score"]
        assert (gate.status, gate.threshold) == ("warn", 0.99)  # a tenth of the sample is dirt


def test_the_chart_shows_the_revenue_of_each_day_and_its_mean(told: Told) -> None:
    days = told.runs[-1].record.revenue
    assert days[0].dt == FIRST
    assert all(day.mean is not None and day.low is None and not day.anomaly for day in days)
    text = Path(told.runs[-1].report).read_text()
    assert "<h2>Revenue by day</h2>" in text


def test_no_internal_table_is_told_of(told: Told) -> None:
    assert INTERNAL
    texts: dict[str, Any] = {"progress": told.lines}
    for number, run in enumerate(told.runs):
        terminal = io.StringIO()
        Console(file=terminal, width=100).print(summary_tables(run.record, run.report))
        texts[f"summary {number}"] = terminal.getvalue()
        texts[f"json {number}"] = run_document(run.record, run.tables, run.report)
        texts[f"artifacts {number}"] = [
            gate_rows(run.record),
            table_rows(run.record),
            run_summary_markdown(run.record),
        ]
        for path in Path(run.report).parent.iterdir():
            texts[f"{path.name} {number}"] = path.read_text()
    lake = ("--lake", str(told.lake))
    texts["tables"] = called("tables", "clickstream", *lake)
    texts["tables --json"] = called("tables", "clickstream", "--json", *lake)
    texts["tables --hashes"] = called("tables", "clickstream", "--hashes", "--json", *lake)
    views = "select table_schema, table_name from information_schema.tables"
    texts["query"] = called("query", "clickstream", views, "--json", *lake)
    audit = "select * from audit.runs"
    texts["audit"] = called("query", "clickstream", audit, "--json", *lake)
    texts["releases"] = called("releases", "clickstream", *lake)
    texts["status"] = called("status", *lake)
    texts["quarantine"] = called("quarantine", "clickstream", *lake)
    shown = {where: str(text) for where, text in texts.items()}
    assert all(text.strip() for text in shown.values())
    assert [where for where, text in shown.items() for name in INTERNAL if name in text] == []
    assert "customer_metrics" in shown["tables"]
    assert "customer_metrics" in shown["query"]
    assert len(json.loads(texts["tables --json"])["tables"]) == 6


def test_a_full_refresh_within_a_limit_of_memory_says_so_and_carries_nothing_over(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    lake = shutil.copytree(told.lake, tmp_path / "lake")
    options = ["--run-date", str(LAST), "--full-refresh", "--memory-limit", "400MB", "--json"]
    document = json.loads(called("run", "clickstream", *options, "--lake", str(lake)))
    assert document["built_on"] is None
    assert document["full_because"] == "a full refresh was asked for"
    last = told.runs[-1].record.tables[0]
    events = document["tables"]["silver.events_cleaned"]
    assert (events["rows"], events["rows_carried"]) == (last.rows_out, 0)
    assert last.quality is not None
    assert events["quality"] == last.quality.model_dump()


def test_a_limit_of_memory_that_is_none_is_refused_before_anything_starts(tmp_path: Path) -> None:
    options = ["--memory-limit", "plenty", "--lake", str(tmp_path)]
    with pytest.raises(ConfigurationError, match="memory_limit"):
        CliRunner().invoke(app, ["run", "clickstream", *options], catch_exceptions=False)
