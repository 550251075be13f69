"""A whole clickstream run publishes exactly the rows that an independent reading of it gives."""

import shutil
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.e2e.clickstream_events import first_file, second_file, third_file, write_events
from tests.integration.published import release_document, rows_of
from tests.oracle import differences
from tests.oracle.clickstream import RUN_COLUMNS, clickstream_outputs, without
from tests.oracle.table import Table

RUN_DATE = date(2024, 3, 12)
GOLD = ("customer_metrics", "product_performance", "daily_sales_summary", "conversion_funnel")
NOT_UTF_8 = "\N{REPLACEMENT CHARACTER}"  # in the reference's raw_line


@pytest.fixture(scope="session")
def run_clickstream(prefect_api: None) -> Callable[..., Any]:
    """Land `source`, run for a day, and return the outcome."""
    from flows.run import run_pipeline

    def run(lake: Path, run_date: date, source: Path) -> Any:
        return run_pipeline(
            "clickstream", run_date=run_date, lake=str(lake), source=str(source), gates="warn"
        )

    return run


@pytest.fixture(scope="session")
def dirty_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three dirty files, one of them twice; read it only."""
    folder = tmp_path_factory.mktemp("clickstream") / "events"
    write_events(folder)
    return folder


@pytest.fixture(scope="session")
def dirty_run(
    run_clickstream: Callable[..., Any],
    dirty_events: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Any]:
    """A lake whose only release is the run of `dirty_events`, and its outcome; read it only."""
    lake = tmp_path_factory.mktemp("clickstream") / "lake"
    return lake, run_clickstream(lake, RUN_DATE, dirty_events)


@pytest.fixture
def dirty_lake(dirty_run: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the lake of `dirty_run` to run in."""
    return shutil.copytree(dirty_run[0], tmp_path / "lake")


def found_in(lake: Path, name: str, drop: Iterable[str] = ("run_id",)) -> Table:
    columns, rows = rows_of(lake, name, drop=tuple(drop), pipeline="clickstream")
    return Table(columns, rows)


def problems(
    lake: Path, expected: dict[str, Table], drop: tuple[str, ...] = ("run_id",)
) -> list[str]:
    """How what is published differs from what is expected, but for the dropped columns."""
    lines = []
    for name, table in expected.items():
        wanted, found = without(table, drop), found_in(lake, name, drop)
        if name == "silver.events_quarantine":
            wanted, found = _without_text_of_bad_bytes(wanted, found)
        told = differences(wanted, found.columns, found.rows, limit=3)
        lines += [f"{name}: {line}" for line in told]
    return lines


def _without_text_of_bad_bytes(wanted: Table, found: Table) -> tuple[Table, Table]:
    """How bytes that are no UTF-8 read in `raw_line` is left open; the rest of the row is not."""
    names = ("source_file", "source_line", "raw_line")
    if wanted.columns != found.columns:
        return wanted, found
    file, number, text = (wanted.columns.index(name) for name in names)
    bad = {(row[file], row[number]) for row in wanted.rows if NOT_UTF_8 in (row[text] or "")}

    def blanked(table: Table) -> Table:
        rows = [
            (*row[:text], "-" if row[text] else None, *row[text + 1 :])
            if (row[file], row[number]) in bad
            else row
            for row in table.rows
        ]
        return Table(table.columns, rows, table.key)

    return blanked(wanted), blanked(found)


def assert_equals_contract(lake: Path, outcome: Any, source: Path, run_date: date) -> None:
    expected = clickstream_outputs(source, run_date)
    (counts,) = expected.pop("accounting").dicts()
    assert set(expected) <= set(release_document(lake, pipeline="clickstream")["tables"])
    assert problems(lake, expected) == []
    told = {entry.table: entry for entry in outcome.record.tables}["silver.events_cleaned"]
    found = (told.rows_in, told.rows_out, told.quarantined, told.superseded)
    assert found == tuple(counts[n] for n in ("bronze", "rows", "quarantined", "superseded"))
    assert found[0] == sum(found[1:])
    revenues = {name: total_revenue(lake, name) for name in GOLD}
    assert len(set(revenues.values())) == 1, revenues


def total_revenue(lake: Path, name: str) -> Decimal:
    return sum((row["total_revenue"] for row in found_in(lake, f"gold.{name}").dicts()), Decimal(0))


def values_of(table: Table, column: str) -> set[Any]:
    return {row[column] for row in table.dicts()}


def test_the_dirty_files_hold_every_kind_of_dirt(dirty_events: Path) -> None:
    expected = clickstream_outputs(dirty_events, RUN_DATE)
    (counts,) = expected["accounting"].dicts()
    assert 300 < counts["bronze"] < 400
    assert counts["superseded"] > 15
    reasons = [
        reason
        for row in expected["silver.events_quarantine"].dicts()
        for reason in row["quarantine_reasons"]
    ]
    columns = ("event_time", "product_id", "category_id", "price", "user_id")
    rules = ("event_time", "event_type", "product_id", "user_id", "price", "user_session")
    assert set(reasons) == {
        "malformed_line",
        *(f"invalid_{name}" for name in columns),
        *(f"valid_{name}" for name in rules),
    }
    silver = expected["silver.events_cleaned"]
    assert values_of(silver, "source_file") == {"2024/a.csv", "B.csv", "later.csv"}
    assert values_of(silver, "category_l1") > {"unknown", "electronics", "Electronics", "home"}
    assert max(values_of(silver, "event_date")) == date(2024, 4, 30)
    customers, products = (expected[f"gold.{name}"] for name in GOLD[:2])
    assert values_of(customers, "churn_risk") == {"Low", "Medium", "High", "N/A"}
    assert len(values_of(customers, "customer_segment")) == 6
    assert len(values_of(customers, "rfm_score")) > 6
    assert values_of(products, "performance_tier") == {"Top 10%", "Top 25%", "Top 50%", "Bottom"}
    assert 0 in values_of(expected["gold.daily_sales_summary"], "total_events")


@pytest.mark.slow
def test_the_real_file_gives_the_contracts_rows(
    run_clickstream: Callable[..., Any], tmp_path: Path
) -> None:
    folder = SHARED / "clickstream"
    if not folder.is_dir():
        pytest.skip("the real data is not beside the project")
    outcome = run_clickstream(tmp_path / "lake", date(2019, 10, 1), folder)
    assert_equals_contract(tmp_path / "lake", outcome, folder, date(2019, 10, 1))


@pytest.mark.slow
def test_dirty_files_give_the_contracts_rows(
    dirty_events: Path, dirty_run: tuple[Path, Any]
) -> None:
    lake, outcome = dirty_run
    assert_equals_contract(lake, outcome, dirty_events, RUN_DATE)


@pytest.mark.slow
def test_an_earlier_day_counts_no_later_event(
    run_clickstream: Callable[..., Any], dirty_events: Path, dirty_lake: Path
) -> None:
    earlier = date(2024, 3, 7)
    run_clickstream(dirty_lake, earlier, dirty_events)
    expected = clickstream_outputs(dirty_events, earlier)
    expected.pop("accounting")
    assert problems(dirty_lake, expected, RUN_COLUMNS) == []


@pytest.mark.slow
def test_files_that_come_one_by_one_give_what_one_run_over_all_gives(
    run_clickstream: Callable[..., Any], tmp_path: Path
) -> None:
    source, lake = tmp_path / "events", tmp_path / "lake"
    source.mkdir()
    # The last to come has the first name: its copies displace what was published before.
    arrivals = (("m.csv", first_file), ("z.csv", third_file), ("a.csv", second_file))
    days = (date(2024, 3, 10), date(2024, 3, 11), RUN_DATE)
    for day, (name, made) in zip(days, arrivals, strict=True):
        (source / name).write_bytes(made())
        run_clickstream(lake, day, source / name)
        expected = clickstream_outputs(source, day)
        expected.pop("accounting")
        assert problems(lake, expected, RUN_COLUMNS) == [], name
        if name == "z.csv":
            assert_only_new_rows_written(lake, days[0], day)


def assert_only_new_rows_written(lake: Path, first: date, second: date) -> None:
    """The second file's rows were added to their days, which hold rows of the first file, too."""
    rows = found_in(lake, "silver.events_cleaned").dicts()
    days = {
        name: {r["event_date"] for r in rows if r["source_file"] == name}
        for name in ("m.csv", "z.csv")
    }
    assert days["m.csv"] & days["z.csv"]
    for row in rows:
        written = second if row["source_file"] == "z.csv" else first
        assert row["processed_timestamp"] == datetime.combine(written, time()), row


@pytest.mark.slow
def test_running_again_changes_nothing(
    run_clickstream: Callable[..., Any],
    dirty_events: Path,
    dirty_run: tuple[Path, Any],
    dirty_lake: Path,
) -> None:
    names = set(clickstream_outputs(dirty_events, RUN_DATE)) - {"accounting"}
    before = {name: found_in(dirty_run[0], name) for name in names}
    run_clickstream(dirty_lake, RUN_DATE, dirty_events)
    assert problems(dirty_lake, before) == []


@pytest.mark.slow
def test_a_funnel_never_passes_a_hundred(dirty_run: tuple[Path, Any]) -> None:
    rows = found_in(dirty_run[0], "gold.conversion_funnel").dicts()
    assert rows
    for row in rows:
        shares = [row["session_cart_to_purchase_rate"], row["cart_abandonment_rate"]]
        if row["sessions_with_cart"]:
            assert sum(shares) == pytest.approx(100)
        else:
            assert shares == [None, None]
        for share in (*shares, row["session_view_to_cart_rate"]):
            assert share is None or 0 <= share <= 100
