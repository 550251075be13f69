"""A sound specification of a made-up shop, and ways to change and load it in tests."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.contracts.errors import SpecError
from tasks.contracts.spec import Spec
from tasks.specs import load_spec_file

SHOP: dict[str, Any] = {
    "pipeline": "shop",
    "gates": {"min_rows": 2, "max_quarantine_rate": 0.1},
    "tables": [
        {
            "name": "customers",
            "key": ["customer_id"],
            "partition": {"column": "ingest_dt", "kind": "date"},
            "columns": [{"name": "customer_id", "type": "string"}],
            "rules": [{"name": "missing_customer_id", "not_null": "customer_id"}],
        },
        {
            "name": "lines",
            "key": ["order_id", "line"],
            "partition": {"column": "kind", "kind": "value"},
            "may_be_empty": True,
            "columns": [
                {"name": "order_id", "type": "string"},
                {"name": "line", "type": "integer"},
                {"name": "kind", "type": "string", "lower": True},
            ],
            "rules": [
                {"name": "missing_order_id", "not_null": "order_id"},
                {"name": "invalid_line", "positive": "line"},
            ],
        },
        {
            "name": "orders",
            "key": ["order_id"],
            "partition": {"column": "ingest_dt", "kind": "date"},
            "business_date": {"name": "order_dt", "day_of": "ordered_at"},
            "gates": {"max_quarantine_rate": 0.2, "max_null_rates": {"total": 0.5}},
            "columns": [
                {"name": "order_id", "type": "string"},
                {"name": "customer_id", "type": "string"},
                {"name": "ordered_at", "type": "string", "becomes": "timestamp"},
                {"name": "total", "type": "float", "becomes": "money"},
                {"name": "pieces", "type": "integer"},
                {"name": "paid", "type": "boolean"},
            ],
            "rules": [
                {"name": "missing_order_id", "not_null": "order_id"},
                {"name": "negative_total", "not_negative": "total"},
                {"name": "invalid_ordered_at", "not_after_run_date": "ordered_at"},
                {"name": "odd_id", "matches": {"order_id": "O-[0-9]+"}},
                {"name": "too_few", "ordered": ["pieces", "pieces"]},
                {"name": "unpaid", "sql": "paid or total < 10"},
            ],
            "foreign_keys": [
                {
                    "column": "customer_id",
                    "references": "customers",
                    "exempt_prefixes": ["GUEST-"],
                }
            ],
        },
    ],
    "dimensions": [{"name": "people", "table": "customers"}],
    "transforms": [
        {"name": "first", "inputs": {"orders": "silver.orders"}, "key": ["order_id"]},
        {
            "name": "second",
            "inputs": {"first": "enriched.first", "people": "dims.people"},
            "key": ["order_id"],
            "checks": {"rows_equal": "enriched.first"},
        },
    ],
    "gold": [{"name": "fct_orders", "inputs": ["enriched.second"], "key": ["order_id"]}],
    "pii": [{"table": "orders", "column": "customer_id", "kind": "identifier"}],
    "chart": {
        "table": "gold.fct_orders",
        "date": "dt",
        "value": "v",
        "mean": "m",
        "deviation": "s",
        "anomaly": "a",
    },
}
Change = Callable[[dict[str, Any]], object]


def written(tmp_path: Path, text: str | bytes, name: str = "shop.yml") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def load_changed(tmp_path: Path, change: Change = copy.copy) -> Spec:
    document = copy.deepcopy(SHOP)
    change(document)
    return load_spec_file(written(tmp_path, yaml.safe_dump(document, sort_keys=False)))


def refused(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec_file(path)
    assert caught.value.exit_status == 2
    return str(caught.value)


def put(*path: str | int, to: object) -> Change:
    """A change that sets the value at `path`; a list is lengthened by the index after its last."""

    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        last = path[-1]
        if isinstance(document, list) and last == len(document):
            document.append(to)
        else:
            document[last] = to

    return change
