"""Gates at their boundaries: the last figure that passes and the first that does not."""

from __future__ import annotations

import pytest

from tasks.bronze_inventory import BronzeFile, BronzeTable, Problem
from tasks.contracts.errors import AccountingError, BronzeError, GateError
from tasks.contracts.release import PublishedTable, SilverCounts
from tasks.contracts.run_record import GateMode, GateResult
from tasks.contracts.spec import Dimension, Spec
from tasks.dimensions import dimension_gates
from tasks.gates import (
    BRONZE_CHECKS,
    bronze_gates,
    enforce,
    judged,
    null_rate_gates,
    outcome,
    row_gates,
    schema_differences,
    share,
    silver_gates,
)

COLUMNS = {
    "order_id": "VARCHAR",
    "customer_id": "VARCHAR",
    "total": "DECIMAL(18,2)",
    "batch_id": "VARCHAR",
    "ingestion_ts": "TIMESTAMP",
    "event_id": "VARCHAR",
    "source_file": "VARCHAR",
    "ingestion_dt": "DATE",
}


def shop(**gates: object) -> Spec:
    parent = {
        "name": "customers",
        "key": ["customer_id"],
        "partition": {"column": "ingest_dt", "kind": "date"},
        "columns": [{"name": "customer_id", "type": "string"}],
        "rules": [{"name": "missing_customer_id", "not_null": "customer_id"}],
    }
    orders = {
        "name": "orders",
        "key": ["order_id"],
        "partition": {"column": "ingest_dt", "kind": "date"},
        "columns": [
            {"name": "order_id", "type": "string"},
            {"name": "customer_id", "type": "string"},
            {"name": "total", "type": "float", "becomes": "money"},
        ],
        "rules": [{"name": "missing_order_id", "not_null": "order_id"}],
        "foreign_keys": [{"column": "customer_id", "references": "customers"}],
        "gates": gates,
    }
    return Spec.model_validate({"pipeline": "shop", "tables": [parent, orders]})


def written(rows: int, columns: dict[str, str] | None = None) -> PublishedTable:
    return PublishedTable(rows=rows, bytes=1, columns=columns or COLUMNS, files=())


def judge(
    *,
    bronze: int,
    quarantined: int = 0,
    orphans: int = 0,
    superseded: int = 0,
    silver: int | None = None,
    distinct_keys: int | None = None,
    columns: dict[str, str] | None = None,
    null_rates: dict[str, float] | None = None,
    mode: GateMode = "strict",
    **gates: object,
) -> dict[str, GateResult]:
    """Judge a table of `bronze` rows; what is not said fits together."""
    valid = bronze - quarantined
    distinct = valid - superseded if distinct_keys is None else distinct_keys
    spec = shop(**gates)
    results = silver_gates(
        spec,
        spec.table("orders"),
        SilverCounts(
            bronze=bronze,
            quarantined=quarantined,
            orphans=orphans,
            valid=valid,
            distinct_keys=distinct,
        ),
        bronze,
        written(valid - superseded if silver is None else silver, columns),
        written(quarantined),
        null_rates or {},
        mode,
    )
    assert all((r.layer, r.table) == ("silver", "orders") for r in results)
    return {result.check: result for result in results}


def statuses(results: dict[str, GateResult]) -> set[str]:
    return {result.status for result in results.values()}


def test_a_sound_table_passes_every_check() -> None:
    results = judge(bronze=100, quarantined=5, superseded=10)
    assert list(results) == [
        "unexplained_rows",
        "pk_uniqueness",
        "schema",
        "min_rows",
        "quarantine_rate",
        "fk_integrity",
    ]
    assert statuses(results) == {"pass"}
    assert all(result.message == "" for result in results.values())


@pytest.mark.parametrize("mode", ["warn", "strict"])
@pytest.mark.parametrize("silver", [84, 86])
def test_one_row_lost_or_invented_fails_in_every_mode(mode: GateMode, silver: int) -> None:
    results = judge(
        bronze=100, quarantined=5, superseded=10, silver=silver, distinct_keys=85, mode=mode
    )
    gate = results["unexplained_rows"]
    assert (gate.status, gate.observed, gate.threshold) == ("fail", 85 - silver, 0)
    assert gate.message == (
        f"orders: 100 bronze rows are not {silver} silver + 5 quarantined + 10 superseded"
    )
    with pytest.raises(
        AccountingError, match=r"silver\.orders: unexplained_rows is -?1, allowed 0"
    ):
        enforce(results.values())


@pytest.mark.parametrize("mode", ["warn", "strict"])
def test_one_key_twice_fails_in_every_mode(mode: GateMode) -> None:
    gate = judge(bronze=100, silver=100, distinct_keys=99, mode=mode)["pk_uniqueness"]
    assert (gate.status, gate.observed, gate.threshold) == ("fail", 0.99, 1.0)
    assert gate.message == "orders: 100 rows have 99 keys (order_id)"


@pytest.mark.parametrize("mode", ["warn", "strict"])
def test_another_schema_fails_in_every_mode(mode: GateMode) -> None:
    gate = judge(bronze=10, columns=COLUMNS | {"total": "DOUBLE"}, mode=mode)["schema"]
    assert (gate.status, gate.observed) == ("fail", 1)
    assert gate.message == "column 'total' is DOUBLE, not DECIMAL(18,2)"


@pytest.mark.parametrize("mode", ["warn", "strict"])
def test_fewer_rows_than_demanded_fail_in_every_mode(mode: GateMode) -> None:
    assert judge(bronze=10, min_rows=10, mode=mode)["min_rows"].status == "pass"
    gate = judge(bronze=9, min_rows=10, mode=mode)["min_rows"]
    assert (gate.status, gate.message) == ("fail", "orders: 9 valid rows, at least 10 expected")


@pytest.mark.parametrize(("mode", "breach"), [("warn", "warn"), ("strict", "fail")])
def test_quarantine_rate_at_its_boundary(mode: GateMode, breach: str) -> None:
    assert judge(bronze=1000, quarantined=50, mode=mode)["quarantine_rate"].status == "pass"
    gate = judge(bronze=1000, quarantined=51, mode=mode)["quarantine_rate"]
    assert (gate.status, gate.observed, gate.threshold) == (breach, 0.051, 0.05)
    assert gate.message == (
        "orders: 51 of 1000 rows quarantined; see `medallion quarantine shop orders`"
    )


@pytest.mark.parametrize(("mode", "breach"), [("warn", "warn"), ("strict", "fail")])
def test_fk_integrity_at_its_boundary(mode: GateMode, breach: str) -> None:
    # 20 of 1020 rows break a rule: they are not asked for their parents.
    at_limit = judge(bronze=1020, quarantined=30, orphans=10, mode=mode)["fk_integrity"]
    assert (at_limit.status, at_limit.observed) == ("pass", 0.99)
    gate = judge(bronze=1020, quarantined=31, orphans=11, mode=mode)["fk_integrity"]
    assert (gate.status, gate.observed, gate.threshold) == (breach, 0.989, 0.99)
    assert gate.message == "orders: 11 rows have no parent"


@pytest.mark.parametrize("percent", range(1, 100))
def test_thresholds_are_exact_at_each_percent(percent: int) -> None:
    limit = float(f"0.{percent:02}")
    orphans = 100 - percent
    kept = judge(bronze=100, quarantined=orphans, orphans=orphans, min_fk_integrity=limit)
    assert kept["fk_integrity"].status == "pass"
    rate = judge(bronze=100, quarantined=percent, max_quarantine_rate=limit)
    assert rate["quarantine_rate"].status == "pass"


def test_a_table_without_rows_has_no_bad_ones() -> None:
    results = judge(bronze=0, min_rows=0, max_quarantine_rate=0, min_fk_integrity=1)
    assert statuses(results) == {"pass"}
    assert results["fk_integrity"].observed == 1.0
    assert results["quarantine_rate"].observed == 0.0
    assert results["pk_uniqueness"].observed == 1.0


def test_all_rows_broken_leave_no_foreign_key_to_break() -> None:
    results = judge(bronze=5, quarantined=5, min_rows=0, max_quarantine_rate=1)
    assert results["fk_integrity"].observed == 1.0


def test_null_rates_are_judged_for_columns_with_a_limit() -> None:
    results = judge(bronze=10, null_rates={"total": 0.2}, max_null_rates={"total": 0.2})
    assert results["null_rate.total"].status == "pass"
    (warned,) = null_rate_gates("silver", "orders", {"total": 0.2}, {"total": 0.21}, "warn")
    (failed,) = null_rate_gates("enriched", "x", {"total": 0.0}, {"total": 0.001}, "strict")
    assert (warned.status, warned.message) == ("warn", "orders.total: 21.00% of the rows are NULL")
    assert (failed.status, failed.layer) == ("fail", "enriched")


@pytest.mark.parametrize(
    ("found", "differences"),
    [
        ({"a": "BIGINT", "b": "DATE"}, []),
        ({"a": "BIGINT"}, ["column 'b' is missing"]),
        ({"a": "BIGINT", "b": "DATE", "c": "DATE"}, ["column 'c' is not in the contract"]),
        ({"a": "DOUBLE", "b": "DATE"}, ["column 'a' is DOUBLE, not BIGINT"]),
        ({"b": "DATE", "a": "BIGINT"}, ["the columns stand in another order: b, a"]),
        (
            {"a": "DOUBLE", "B": "DATE"},
            [
                "column 'b' is missing",
                "column 'B' is not in the contract",
                "column 'a' is DOUBLE, not BIGINT",
            ],
        ),
    ],
)
def test_schema_differences_name_columns(found: dict[str, str], differences: list[str]) -> None:
    assert schema_differences({"a": "BIGINT", "b": "DATE"}, found) == differences


def bronze(rows: int, *problems: Problem) -> BronzeTable:
    file = BronzeFile(url="part-0", rows=rows, bytes=1, types=(), identity="x")
    return BronzeTable("orders", (file,), problems)


def test_bronze_passes_without_problems_and_with_enough_rows() -> None:
    results = bronze_gates(shop(min_rows=3), bronze(3))
    assert [r.check for r in results] == [*BRONZE_CHECKS, "min_rows"]
    assert {r.status for r in results} == {"pass"}
    (few,) = [r for r in bronze_gates(shop(min_rows=3), bronze(2)) if r.status != "pass"]
    assert (few.check, few.observed, few.threshold) == ("min_rows", 2, 3)
    assert few.message == "orders: bronze has 2 rows, at least 3 expected"


@pytest.mark.parametrize("check", BRONZE_CHECKS)
def test_each_problem_of_bronze_stops_the_run_under_its_check(check: str) -> None:
    results = bronze_gates(shop(), bronze(3, Problem(check, "part-0 is odd")))
    (failed,) = [r for r in results if r.status != "pass"]
    assert (failed.check, failed.status, failed.observed) == (check, "fail", 1)
    with pytest.raises(BronzeError, match=r"^part-0 is odd$"):
        enforce(results)


def test_ten_problems_are_told_and_all_are_counted() -> None:
    problems = [Problem("readable", f"part-{n}") for n in range(12)]
    (failed,) = [r for r in bronze_gates(shop(), bronze(3, *problems)) if r.status == "fail"]
    assert failed.observed == 12
    assert failed.message.splitlines() == [f"part-{n}" for n in range(10)]


def test_rows_of_an_enriched_table() -> None:
    assert [r.status for r in row_gates("enriched", "x", 1, min_rows=1)] == ["pass"]
    (few,) = row_gates("enriched", "x", 0, min_rows=1)
    assert (few.status, few.message) == ("fail", "x: 0 rows, at least 1 expected")
    _, equal = row_gates("enriched", "x", 2, min_rows=0, rows_equal=("silver.orders", 2))
    assert (equal.check, equal.status) == ("rows_equal.silver.orders", "pass")
    _, other = row_gates("enriched", "x", 3, min_rows=0, rows_equal=("silver.orders", 2))
    assert (other.status, other.message) == ("fail", "x: 3 rows, but silver.orders has 2")


def test_an_outcome_fails_by_its_problems() -> None:
    assert outcome("enriched", "x", "schema", []).status == "pass"
    failed = outcome("enriched", "x", "schema", ["a: ge(0)", "b: unique"])
    assert (failed.status, failed.observed, failed.message) == ("fail", 2, "a: ge(0)\nb: unique")
    assert outcome("enriched", "x", "schema", ["a"], observed=7).observed == 7


@pytest.mark.parametrize(
    ("rows", "distinct", "nulls", "previous", "breached"),
    [
        (90, 90, 0, 100, set()),
        (89, 89, 0, 100, {"share_of_previous"}),
        (500, 500, 0, 100, set()),
        (1, 1, 0, None, set()),
        (1, 1, 0, 0, set()),
        (0, 0, 0, None, {"not_empty"}),
        (0, 0, 0, 10, {"not_empty", "share_of_previous"}),
        (10, 9, 0, 10, {"pk_uniqueness"}),
        (10, 10, 1, 10, {"pk_not_null"}),
    ],
)
def test_a_snapshot_at_its_boundaries(
    rows: int, distinct: int, nulls: int, previous: int | None, breached: set[str]
) -> None:
    dimension = Dimension(name="people", table="customers", min_share_of_previous=0.9)
    for mode, status in (("warn", "warn"), ("strict", "fail")):
        results = dimension_gates(
            dimension,
            rows=rows,
            distinct_keys=distinct,
            null_keys=nulls,
            previous=previous,
            mode=mode,  # type: ignore[arg-type]
        )
        assert {r.check for r in results if r.status == status} == breached
        assert {r.status for r in results if r.check not in breached} <= {"pass"}


def verdict(check: str, mode: GateMode, *, layer: str = "gold", passed: bool = False) -> GateResult:
    return judged(
        layer, "x", check, passed=passed, observed=2, threshold=1, mode=mode, message="why"
    )


def test_only_failures_stop_a_run() -> None:
    enforce([])
    enforce([verdict("a", "warn"), verdict("b", "strict", passed=True)])
    with pytest.raises(GateError) as caught:
        enforce([verdict("a", "warn"), verdict("b", "strict"), verdict("c", "strict")])
    assert str(caught.value).splitlines() == [
        "gold.x: b is 2, allowed 1; why",
        "gold.x: c is 2, allowed 1; why",
    ]
    assert not isinstance(caught.value, AccountingError)
    assert caught.value.exit_status == 1


def test_lost_rows_are_told_whatever_else_failed() -> None:
    with pytest.raises(AccountingError):
        enforce([verdict("a", "strict"), verdict("unexplained_rows", "strict")])


def test_a_share_of_nothing_is_what_it_is_said_to_be() -> None:
    assert share(1, 4, of_nothing=9.0) == 0.25
    assert share(0, 0, of_nothing=9.0) == 9.0
