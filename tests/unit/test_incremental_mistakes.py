"""What `incremental` in a specification may say: every mistake is refused with its path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.contracts.incremental import Incremental, span_days
from tests.unit.spec_documents import SHOP, load_changed, refused, written

SOUND: dict[str, Any] = {
    "reads": {"orders": {"before": "reach_hours"}, "lines": {"of": "orders", "by": "order_id"}},
    "columns": {"people": ["customer_id"]},
    "settles_after": 1,
    "history": ["keep_days", 3],
}


def shop(incremental: Any, *, gold: Any = None, partition_column: str | None = "order_dt") -> Any:
    """The shop with a transform over orders, lines and people, and a fact over that."""
    first = {
        "name": "first",
        "inputs": {
            "orders": "silver.orders",
            "lines": "silver.lines",
            "people": "dims.people",
        },
        "parameters": {"reach_hours": 30, "keep_days": 2, "weight": 2, "name_days": "x"},
        "key": ["order_id"],
        "partition_column": partition_column,
        "incremental": incremental,
    }
    fact = {
        "name": "fct_orders",
        "inputs": ["enriched.first", "enriched.second"],
        "key": ["order_id"],
        "partition_column": "dt",
        "incremental": gold,
    }
    return SHOP | {"transforms": [first, SHOP["transforms"][1]], "gold": [fact]}


def with_reads(**reads: Any) -> dict[str, Any]:
    return SOUND | {"reads": SOUND["reads"] | reads}


def test_a_sound_entry_has_no_problem(tmp_path: Path) -> None:
    gold = {"reads": {"enriched.first": {}, "enriched.second": {"on_run_date": True}}}
    spec = load_changed(tmp_path, lambda document: document.update(shop(SOUND, gold=gold)))
    entry = spec.transforms[0].incremental
    assert entry is not None
    assert entry.reads["lines"].of == "orders"
    assert spec.gold[0].incremental is not None
    assert load_changed(tmp_path).transforms[0].incremental is None


@pytest.mark.parametrize(
    ("incremental", "problem"),
    [
        (with_reads(ordrs={}), ".reads.ordrs: no input 'ordrs'; did you mean 'orders'?"),
        (with_reads(people={}), ".reads.people: dims.people has no days"),
        (
            with_reads(orders={"before": "reach_hour"}),
            ".reads.orders.before: no parameter 'reach_hour'; did you mean 'reach_hours'?",
        ),
        (
            with_reads(orders={"after": "weight"}),
            ".reads.orders.after: parameter 'weight' must end in _hours or _days to be a span",
        ),
        (
            SOUND | {"settles_after": "name_days"},
            ".settles_after: parameter 'name_days' is no number of hours or days",
        ),
        (SOUND | {"history": ["keep_day"]}, ".history[0]: no parameter 'keep_day'; did you mean"),
        (
            with_reads(lines={"of": "order", "by": "order_id"}),
            ".reads.lines.of: no other input 'order' here; did you mean 'orders'?",
        ),
        (
            with_reads(orders={"of": "lines", "by": "order_id"}),
            ".reads.orders.of: 'lines' must be read by its days alone",
        ),
        (
            with_reads(lines={"of": "orders", "by": "lin"}),
            ".reads.lines.by: silver.lines has no column 'lin'; did you mean 'line'?",
        ),
        (with_reads(lines={"of": "orders"}), ".reads.lines: `of` and `by` belong together"),
        (
            with_reads(orders={"on_run_date": True, "before": 1}),
            ".reads.orders: an input that stands on the run date has no other reach",
        ),
        (SOUND | {"reads": {}}, ".reads: "),
        (
            SOUND | {"columns": {"orders": ["order_id"]}},
            ".columns.orders: no dimension 'orders' among the inputs",
        ),
        (
            SOUND | {"columns": {"people": ["customer"]}},
            ".columns.people[0]: no column 'customer'; did you mean 'customer_id'?",
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(
    tmp_path: Path, incremental: dict[str, Any], problem: str
) -> None:
    text = refused(written(tmp_path, yaml.safe_dump(shop(incremental))))
    assert f"transforms[0].incremental{problem}" in text


def test_without_a_partition_column_there_are_no_days(tmp_path: Path) -> None:
    text = refused(written(tmp_path, yaml.safe_dump(shop(SOUND, partition_column=None))))
    assert "transforms[0].incremental: without a partition_column there are no days" in text


@pytest.mark.parametrize(
    ("gold", "problem"),
    [
        ({"reads": {"enriched.second": {}}}, ".reads.enriched.second: enriched.second has no days"),
        (
            {"reads": {"enriched.first": {}}, "history": [3]},
            ": a fact has neither `columns` nor `history`",
        ),
    ],
)
def test_a_mistake_of_a_fact_is_named(tmp_path: Path, gold: dict[str, Any], problem: str) -> None:
    text = refused(written(tmp_path, yaml.safe_dump(shop(SOUND, gold=gold))))
    assert f"gold[0].incremental{problem}" in text


@pytest.mark.parametrize(
    ("span", "days"), [(3, 3), ("a_days", 4), ("a_hours", 2), ("b_hours", 3), ("c_hours", 0)]
)
def test_a_span_is_rounded_up_to_days(span: int | str, days: int) -> None:
    parameters = {"a_days": 4, "a_hours": 48, "b_hours": 48.5, "c_hours": 0}
    assert span_days(span, parameters) == days


def test_an_input_is_read_on_the_same_day_unless_said_otherwise() -> None:
    reach = Incremental.model_validate({"reads": {"orders": {}}}).reads["orders"]
    assert (reach.before, reach.after, reach.of, reach.on_run_date) == (0, 0, None, False)
