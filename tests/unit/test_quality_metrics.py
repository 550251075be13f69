"""The quality of a table's rows in percent, and the gate on it, at their boundaries."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.contracts.run_record import GateMode
from tasks.contracts.spec import Spec
from tasks.quality_metrics import quality_gates, quality_of


def shop(overall: float | None, own: float | None = None) -> Spec:
    table: dict[str, Any] = {
        "name": "events",
        "key": ["id"],
        "partition": {"column": "dt", "kind": "date"},
        "columns": [{"name": "id", "type": "string"}],
        "rules": [{"name": "missing_id", "not_null": "id"}],
        "gates": {} if own is None else {"quality_score_above": own},
    }
    gates = {} if overall is None else {"quality_score_above": overall}
    return Spec.model_validate({"pipeline": "shop", "gates": gates, "tables": [table]})


def judged_status(
    spec: Spec, bronze: int, silver: int, superseded: int, mode: GateMode = "strict"
) -> list[tuple[str, object, object]]:
    gates = quality_gates(
        spec, "events", bronze=bronze, silver=silver, superseded=superseded, mode=mode
    )
    return [(gate.status, gate.observed, gate.threshold) for gate in gates]


def test_metrics_are_percentages_of_what_the_contract_names() -> None:
    quality = quality_of(
        bronze=1000, silver=891, superseded=100, broken={"b": 1, "a": 1, "worst": 8}
    )
    assert quality.score_pct == 99.0
    assert quality.duplicate_pct == 10.0
    assert list(quality.broken_rule_pct.items()) == [("worst", 0.8), ("a", 0.1), ("b", 0.1)]


def test_of_no_rows_there_is_no_share() -> None:
    quality = quality_of(bronze=0, silver=0, superseded=0, broken={})
    assert (quality.score_pct, quality.duplicate_pct) == (None, None)
    assert quality.broken_rule_pct == {}


@given(st.data(), st.integers(0, 10**9))
def test_metrics_lie_between_nothing_and_everything(data: st.DataObject, bronze: int) -> None:
    superseded = data.draw(st.integers(0, bronze))
    silver = data.draw(st.integers(0, bronze - superseded))
    broken = data.draw(st.dictionaries(st.text(max_size=3), st.integers(0, bronze), max_size=3))
    quality = quality_of(bronze=bronze, silver=silver, superseded=superseded, broken=broken)
    shares = [quality.score_pct, quality.duplicate_pct, *quality.broken_rule_pct.values()]
    assert all(share is None or 0 <= share <= 100 for share in shares)
    assert (quality.score_pct == 100) == (silver == bronze - superseded > 0)


@pytest.mark.parametrize(
    ("silver", "status"), [(990, "fail"), (991, "pass"), (1000, "pass"), (0, "fail")]
)
def test_the_target_has_to_be_passed_not_met(silver: int, status: str) -> None:
    # 100 more rows were copies, which count neither way.
    assert judged_status(shop(0.99), 1100, silver, 100) == [(status, silver / 1000, 0.99)]


def test_a_missed_target_is_let_pass_in_mode_warn_and_says_where_the_rows_are() -> None:
    (gate,) = quality_gates(shop(0.99), "events", bronze=10, silver=5, superseded=1, mode="warn")
    assert gate.status == "warn"
    assert gate.check == "quality_score"
    assert gate.message == (
        "events: 5 of 9 rows that are no copies became silver; "
        "see `medallion quarantine shop events`"
    )


def test_nothing_but_copies_is_nothing_wrong() -> None:
    assert judged_status(shop(0.99), 0, 0, 0) == [("pass", 1.0, 0.99)]


def test_no_target_no_judgement_and_a_table_s_own_goes_first() -> None:
    assert judged_status(shop(None), 10, 0, 0) == []
    assert judged_status(shop(0.99, own=0.5), 10, 6, 0) == [("pass", 0.6, 0.5)]
    assert judged_status(shop(None, own=0.5), 10, 5, 0) == [("fail", 0.5, 0.5)]


@pytest.mark.parametrize("target", [1, -0.1, 99])
def test_a_target_that_nothing_can_pass_is_refused(target: float) -> None:
    with pytest.raises(ValidationError, match="quality_score_above"):
        shop(target)
