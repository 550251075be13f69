"""What a specification may say of tables of which silver is a view, each mistake with its path."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.contracts.errors import SpecError
from tasks.specs import SPEC_FOLDER, load_spec, load_spec_file

RETAIL: dict[str, Any] = yaml.safe_load((SPEC_FOLDER / "retail.yml").read_text(encoding="utf-8"))
Change = Callable[[dict[str, Any]], object]


def columns_as(kind: str) -> Change:
    return lambda table: [column.update(type=kind) for column in table["columns"]]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("row_model"), "tables[2].silver_as: a view and a row_model go together"),
        (lambda t: t.pop("silver_as"), "tables[2].silver_as: a view and a row_model go together"),
        (lambda t: t.pop("derived"), "tables[2].derived: a view has a model of its own"),
        (lambda t: t.update(latest_by="created"), "did you mean 'created_at'?"),
        (
            lambda t: t.update(rules=[{"name": "some_id", "not_null": "order_id"}]),
            "tables[2].rules: the row_model judges rows; leave rules out",
        ),
        (columns_as("integer"), "tables[2].columns[0].type: a row_model judges texts; say string"),
        (lambda t: t.update(silver_as="file"), "tables[2].silver_as: 'file' is not one of"),
        (lambda t: t.update(row_model="../x"), "tables[2].row_model: '../x' is no name"),
        (
            lambda t: t["partition"].update(kind="value", column="region"),
            "retention.bronze_days: stg_orders is partitioned by region",
        ),
        (lambda t: t["partition"].update(kind="day"), "tables[2].partition.kind: 'day' is not one"),
    ],
)
def test_a_mistake_is_named_with_its_path(tmp_path: Path, change: Change, problem: str) -> None:
    document = copy.deepcopy(RETAIL)
    change(document["tables"][2])
    (tmp_path / "retail.yml").write_text(yaml.safe_dump(document))
    with pytest.raises(SpecError) as error:
        load_spec_file(tmp_path / "retail.yml")
    assert problem in str(error.value)


def test_a_release_lists_all_that_a_view_reads() -> None:
    assert load_spec("retail").table("stg_orders").listed_names == (
        "silver.stg_orders",
        "silver.raw_orders_quarantine",
        "silver.raw_orders_excluded",
        "bronze.raw_orders",
    )
    assert load_spec("ecommerce").table("orders").listed_names == (
        "silver.orders",
        "silver.orders_quarantine",
    )
