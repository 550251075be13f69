"""What a breached threshold does in mode warn and in mode strict, and what stops a run in both."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from blocks.lake import local_lake
from flows.run import RunFailedError
from tasks.audit import read_record
from tasks.contracts.errors import AccountingError, GateError
from tasks.contracts.release import PublishedTable, SilverCounts
from tasks.contracts.run_record import GateMode, GateResult
from tasks.gates import SQL_NAMES, enforce, silver_gates
from tasks.specs import load_spec
from tests.faults.whole_release import assert_whole, pointer_bytes

DAY = date(2024, 1, 6)
SPEC = load_spec("ecommerce")
MODES = pytest.mark.parametrize("mode", ["warn", "strict"])


def gates_of(
    *,
    bronze: int = 100,
    silver: int = 100,
    quarantined: int = 0,
    orphans: int = 0,
    distinct: int | None = None,
    valid: int | None = None,
    mode: GateMode = "warn",
) -> list[GateResult]:
    """Judge `orders` of these counts, with the schema that it should have."""
    columns = {name: SQL_NAMES[kind] for name, kind in SPEC.silver_columns("orders").items()}
    distinct = silver if distinct is None else distinct
    counts = SilverCounts(
        bronze=bronze,
        quarantined=quarantined,
        orphans=orphans,
        valid=distinct if valid is None else valid,
        distinct_keys=distinct,
    )
    return silver_gates(
        SPEC,
        SPEC.table("orders"),
        counts,
        bronze,
        PublishedTable(rows=silver, bytes=0, columns=columns, files=()),
        PublishedTable(rows=quarantined, bytes=0, columns={}, files=()),
        {},
        mode,
    )


def status(gates: list[GateResult], check: str) -> str:
    return next(gate.status for gate in gates if gate.check == check)


@MODES
def test_rows_that_add_up_pass(mode: GateMode) -> None:
    gates = gates_of(bronze=104, silver=99, valid=101, quarantined=3, mode=mode)
    assert {gate.status for gate in gates} == {"pass"}
    enforce(gates)


@MODES
@pytest.mark.parametrize("silver", [99, 101], ids=["lost", "invented"])
def test_one_row_that_does_not_add_up_stops_the_run_in_every_mode(
    mode: GateMode, silver: int
) -> None:
    gates = gates_of(bronze=105, silver=silver, distinct=100, valid=102, quarantined=3, mode=mode)
    assert status(gates, "unexplained_rows") == "fail"
    with pytest.raises(AccountingError, match="orders: 105 bronze rows are not") as caught:
        enforce(gates)
    assert caught.value.exit_status == 1


@MODES
def test_a_key_that_occurs_twice_stops_the_run_in_every_mode(mode: GateMode) -> None:
    gates = gates_of(bronze=100, silver=100, distinct=99, valid=99, mode=mode)
    assert status(gates, "pk_uniqueness") == "fail"
    with pytest.raises(GateError, match=r"silver\.orders: pk_uniqueness"):
        enforce(gates)


@MODES
def test_a_share_at_its_threshold_passes(mode: GateMode) -> None:
    gates = gates_of(silver=95, quarantined=5, orphans=0, mode=mode)
    assert status(gates, "quarantine_rate") == "pass"
    gates = gates_of(silver=99, quarantined=1, orphans=1, mode=mode)
    assert status(gates, "fk_integrity") == "pass"


@pytest.mark.parametrize(("mode", "expected"), [("warn", "warn"), ("strict", "fail")])
def test_a_share_beyond_its_threshold_is_judged_by_the_mode(mode: GateMode, expected: str) -> None:
    gates = gates_of(silver=94, quarantined=6, orphans=2, mode=mode)
    assert status(gates, "quarantine_rate") == expected
    assert status(gates, "fk_integrity") == expected
    if mode == "strict":
        with pytest.raises(GateError, match=r"silver\.orders: quarantine_rate is 0\.06"):
            enforce(gates)
    else:
        enforce(gates)


@pytest.mark.slow
def test_warn_publishes_and_strict_does_not(
    run_flow: Callable, small_bronze: Path, own_lake: Path
) -> None:
    """The sample breaks more than one row in twenty of `returns`."""
    warned = run_flow(own_lake, DAY, bronze=small_bronze, gates="warn").record
    breaches = {(g.table, g.check): g.status for g in warned.gates if g.status != "pass"}
    assert breaches["returns", "quarantine_rate"] == "warn"
    assert warned.status == "published"
    assert_whole(own_lake, 2)

    pointer = pointer_bytes(own_lake)
    releases = sorted((own_lake / "ecommerce" / "_releases").iterdir())
    with pytest.raises(RunFailedError) as caught:
        run_flow(own_lake, DAY, bronze=small_bronze, gates="strict")
    assert type(caught.value.__cause__) is GateError
    assert "silver.returns: quarantine_rate is 0.186" in str(caught.value.__cause__)
    assert pointer_bytes(own_lake) == pointer
    assert sorted((own_lake / "ecommerce" / "_releases").iterdir()) == releases
    assert_whole(own_lake, 2)

    record = caught.value.record
    assert (record.status, record.release, record.gate_mode) == ("failed", None, "strict")
    assert [(stage.stage, stage.status) for stage in record.stages][-1] == ("silver", "failed")
    judged = {(g.table, g.check): g.status for g in record.gates}
    assert judged["returns", "quarantine_rate"] == "fail"
    assert Path(caught.value.report).read_text().count("quarantine_rate") > 0

    stored = read_record(local_lake(own_lake), "ecommerce", record.run_id)
    assert stored == record
    audit = pl.read_parquet(own_lake / "ecommerce" / "_audit" / f"{record.run_id}.parquet")
    assert set(audit["status"]) == {"failed"}
    assert audit["release"].null_count() == len(audit)
    assert "silver.returns" in set(audit["table"])
    assert [past.run_id for past in record.history][-1] == warned.run_id
