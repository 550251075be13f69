"""The audit trail: what a run writes about itself can be read again, whole."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from blocks.lake import Lake, local_lake
from tasks.audit import (
    AUDIT_SCHEMA,
    LAYERS,
    as_past,
    audit_rows,
    daily_figures,
    past_runs,
    read_record,
    run_ids,
    write_record,
)
from tasks.contracts.run_record import DayFigure, GateResult, RunRecord
from tasks.contracts.spec import DailyChart
from tasks.mirror import Mirror
from tasks.published_files import describe_table
from tests.unit.reports.sample_events_record import events_run
from tests.unit.reports.sample_record import (
    bare_run,
    failed_run,
    first_run,
    published_run,
)

CHART = DailyChart(
    table="gold.daily", date="dt", value="net", mean="mean", deviation="std", anomaly="anomaly"
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return local_lake(tmp_path)


@pytest.mark.parametrize("make", [published_run, first_run, bare_run, failed_run])
def test_a_record_is_read_as_it_was_written(lake: Lake, make) -> None:
    record = make()
    path = write_record(lake, record)
    assert read_record(lake, record.pipeline, record.run_id) == record
    assert path == lake.control.url(f"{record.pipeline}/reports/{record.run_id}/report.html")
    assert "<html" in Path(path).read_text()
    files = {key.rpartition("/")[2] for key in lake.control.list(f"{record.pipeline}/reports")}
    assert files == {"report.html", *(f"{layer.upper()}_QUALITY.md" for layer in LAYERS)}


def test_the_audit_table_has_a_row_a_table_and_run(lake: Lake) -> None:
    record = published_run()
    write_record(lake, record)
    key = lake.audit_key("ecommerce", record.run_id)
    rows = pl.read_parquet(lake.control.url(key))
    assert dict(rows.schema) == AUDIT_SCHEMA
    assert rows.equals(audit_rows(record))
    assert rows["table"].to_list() == [table.table for table in record.tables]
    (orders,) = rows.filter(pl.col("table") == "silver.orders").to_dicts()
    assert orders["run_id"] == "20240115T031245Z-7f3a91c2"
    assert (orders["rows_in"], orders["quarantined"], orders["superseded"]) == (15_330, 412, 204)
    assert orders["rows_in"] == orders["rows_out"] + orders["quarantined"] + orders["superseded"]
    assert orders["run_date"] == date(2024, 1, 14)
    assert orders["started_at"] == datetime(2024, 1, 15, 3, 12, 45)  # noqa: DTZ001 - UTC, naive
    assert (orders["status"], orders["release"], orders["layer"]) == ("published", 12, "silver")


def test_the_audit_table_tells_quality_and_what_was_carried_over() -> None:
    silver, daily = audit_rows(events_run()).to_dicts()
    assert (silver["rows_new"], silver["rows_carried"], silver["duplicate_pct"]) == (500, 9100, 3.0)
    assert silver["quality_score_pct"] == pytest.approx(99)
    assert (daily["rows_new"], daily["rows_carried"], daily["quality_score_pct"]) == (None, 0, None)


def gate(layer: str, table: str, check: str, observed: float | None = 1) -> GateResult:
    return GateResult(
        layer=layer, table=table, check=check, status="pass", observed=observed, threshold=None
    )


def test_a_row_holds_the_gates_of_its_table() -> None:
    record = published_run().model_copy(
        update={
            "gates": (
                gate("bronze", "orders", "manifest", 0),
                gate("silver", "orders", "quarantine_rate", 0.02),
                gate("silver", "returns", "quarantine_rate"),
                gate("dims", "customers", "not_empty", None),
                gate("silver", "customers", "schema"),
            )
        }
    )
    found = {row["table"]: row["gates"] for row in audit_rows(record).to_dicts()}
    assert [(g["check"], g["observed"], g["threshold"]) for g in found["silver.orders"]] == [
        ("manifest", "0", None),
        ("quarantine_rate", "0.02", None),
    ]
    assert [g["check"] for g in found["silver.customers"]] == ["schema"]
    assert [(g["check"], g["observed"]) for g in found["dims.customers"]] == [("not_empty", None)]


def test_a_run_without_tables_has_no_rows() -> None:
    rows = audit_rows(bare_run())
    assert rows.is_empty()
    assert dict(rows.schema) == AUDIT_SCHEMA


def test_runs_are_known_oldest_first_with_their_figures(lake: Lake) -> None:
    assert run_ids(lake, "ecommerce") == []
    assert past_runs(lake, "ecommerce") == ()
    names = [f"202401{day:02}T000000Z-aaaaaa" for day in (3, 1, 2)]
    for name in names:
        write_record(lake, published_run().model_copy(update={"run_id": name}))
    assert run_ids(lake, "ecommerce") == sorted(names)
    assert [run.run_id for run in past_runs(lake, "ecommerce", last=2)] == sorted(names)[1:]
    assert run_ids(lake, "retail") == []


def test_a_past_run_sums_up_silver() -> None:
    past = as_past(published_run())
    assert past.bronze_rows == sum(t.rows_in or 0 for t in published_run().tables[:8])
    assert past.quarantined_rows == 31 + 2 + 412 + 1_033 + 77 + 96 + 102
    assert past.bronze_rows - past.silver_rows - past.quarantined_rows == (
        118 + 204 + 611 + 350 + 12
    )
    assert (past.run_id, past.status, past.seconds) == (
        "20240115T031245Z-7f3a91c2",
        "published",
        19.34,
    )


def test_a_record_that_is_missing_or_odd_is_not_made_up(lake: Lake) -> None:
    with pytest.raises(FileNotFoundError):
        read_record(lake, "ecommerce", "never")
    lake.control.write(lake.record_key("ecommerce", "odd"), b"{}")
    with pytest.raises(ValueError, match="pipeline"):
        read_record(lake, "ecommerce", "odd")


def test_the_chart_has_a_band_where_mean_and_deviation_are_known(lake: Lake) -> None:
    days = [date(2024, 1, day) for day in (3, 1, 2, 4)]
    rows = pl.DataFrame(
        {
            "dt": days,
            "net": [Decimal("30.00"), Decimal("10.00"), Decimal("20.00"), Decimal("40.00")],
            "mean": [20.0, None, 15.0, 25.0],
            "std": [4.0, None, None, 1.0],
            "anomaly": ["HIGH", "INSUFFICIENT_HISTORY", "NORMAL", "LOW"],
        },
        schema_overrides={"net": pl.Decimal(18, 2)},
    )
    folder = Path(lake.gold.url("shop/daily"))
    folder.mkdir(parents=True)
    rows.write_parquet(folder / "part-0.parquet")
    table = describe_table(lake.gold, "gold", "shop/daily")
    figures = daily_figures(Mirror(lake), CHART, table, until=date(2024, 1, 3))
    assert [(f.dt.day, f.net_revenue, f.low, f.high, f.anomaly) for f in figures] == [
        (1, 10.0, None, None, "INSUFFICIENT_HISTORY"),
        (2, 20.0, None, None, "NORMAL"),
        (3, 30.0, 12.0, 28.0, "HIGH"),
    ]
    (last,) = daily_figures(Mirror(lake), CHART, table, until=date(2024, 1, 4), days=1)
    assert last.dt == date(2024, 1, 4)
    wide = CHART.model_copy(update={"band": 3.0})
    (last,) = daily_figures(Mirror(lake), wide, table, until=date(2024, 1, 4), days=1)
    assert (last.low, last.high) == (22.0, 28.0)


def test_the_chart_leaves_out_what_the_table_lacks(lake: Lake) -> None:
    rows = pl.DataFrame({"dt": [date(2024, 1, 1)], "net": [5.0], "mean": [4.0]})
    folder = Path(lake.gold.url("shop/daily"))
    folder.mkdir(parents=True)
    rows.write_parquet(folder / "part-0.parquet")
    table = describe_table(lake.gold, "gold", "shop/daily")
    without_band = DayFigure(dt=date(2024, 1, 1), net_revenue=5.0, mean=4.0)
    assert daily_figures(Mirror(lake), CHART, table, until=date(2024, 1, 3)) == (without_band,)
    plain = CHART.model_copy(update={"mean": None, "deviation": None, "anomaly": None})
    (day,) = daily_figures(Mirror(lake), plain, table, until=date(2024, 1, 3))
    assert day == DayFigure(dt=date(2024, 1, 1), net_revenue=5.0)
    for lost in ({"date": "day"}, {"value": "gross"}):
        chart = CHART.model_copy(update=lost)
        assert daily_figures(Mirror(lake), chart, table, until=date(2024, 1, 3)) == ()


def test_reports_hold_no_mark_up_of_the_data(lake: Lake) -> None:
    evil = published_run().model_copy(update={"drift": ("<script>alert(1)</script>",)})
    text = Path(write_record(lake, RunRecord.model_validate(evil.model_dump()))).read_text()
    assert not re.search(r"<script>alert", text)
