"""Running a transform: what is missing is named, and every row is held to its schema."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pandera.polars as pa
import polars as pl
import pytest

from blocks.lake import local_lake
from blocks.settings import Settings
from tasks import row_validation
from tasks.contracts.errors import BuildError, ConfigurationError
from tasks.contracts.spec import Spec, Transform
from tasks.enrichment import (
    judge_transform,
    load_transform,
    run_transform,
    schema_breaches,
    transform_record,
)
from tasks.published_files import describe_table
from tasks.run_context import RunContext
from tasks.specs import load_spec
from tasks.transform_inputs import read_seed

SCHEMA = pa.DataFrameSchema(
    {
        "id": pa.Column(pl.Int64, nullable=False),
        "total": pa.Column(pl.Int64, pa.Check.ge(0), nullable=True),
    },
    strict=True,
    ordered=True,
)


def doubled(rows: pl.LazyFrame, *, factor: int, run_date: date) -> pl.LazyFrame:
    return rows.with_columns(total=pl.col("total") * factor)


def entry(**changes: object) -> Transform:
    given: dict[str, object] = {
        "name": "doubled",
        "inputs": {"rows": "silver.orders"},
        "parameters": {"factor": 2},
        "key": ["id"],
    }
    return Transform.model_validate(given | changes)


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The transform `doubled` and its contract, as modules would hold them."""
    transform = ModuleType("tasks.transforms.doubled")
    transform.doubled = doubled  # type: ignore[attr-defined]
    contract = ModuleType("tasks.contracts.enriched.doubled")
    contract.SCHEMA = SCHEMA  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tasks.transforms.doubled", transform)
    monkeypatch.setitem(sys.modules, "tasks.contracts.enriched.doubled", contract)
    return


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    settings = Settings(lake_root=tmp_path)
    return RunContext(
        spec=Spec.model_validate(
            {
                "pipeline": "shop",
                "tables": [
                    {
                        "name": "orders",
                        "key": ["id"],
                        "partition": {"column": "ingest_dt", "kind": "date"},
                        "columns": [{"name": "id", "type": "integer"}],
                        "rules": [{"name": "invalid_id", "positive": "id"}],
                    }
                ],
            }
        ),
        run_id="r1",
        run_date=date(2024, 1, 14),
        started_at=datetime(2024, 1, 15, tzinfo=UTC),
        settings=settings,
        lake=local_lake(tmp_path),
    )


def silver(run: RunContext, rows: dict[str, list[int | None]]):
    folder = run.folder("silver", "orders")
    schema = {"id": pl.Int64, "total": pl.Int64}
    pl.DataFrame(rows, schema=schema).write_parquet(folder / "part-0.parquet")
    return {"silver.orders": describe_table(run.lake.silver, "silver", run.prefix("orders"))}


def refused(transform: Transform) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_transform(transform)
    return str(caught.value)


def test_every_transform_that_ships_is_there_and_takes_what_it_is_given() -> None:
    for transform in load_spec("ecommerce").transforms:
        function, contract = load_transform(transform)
        assert function.__name__ == transform.name
        assert contract.SCHEMA.columns
        assert transform.key == contract.GRAIN


def test_a_transform_without_module_says_what_it_needs() -> None:
    assert refused(entry(name="nowhere")) == (
        "transform 'nowhere': No module named 'tasks.transforms.nowhere'; it needs a function "
        "nowhere in tasks/transforms/nowhere.py and a SCHEMA in tasks/contracts/enriched/nowhere.py"
    )


def test_a_module_without_the_function_is_told() -> None:
    # `money` is a module of helpers and holds no function of its name.
    assert refused(entry(name="money")).startswith(
        "transform 'money': module 'tasks.transforms.money' has no attribute 'money'; it needs"
    )


def test_a_transform_without_contract_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tasks.contracts.enriched.doubled")
    assert "No module named 'tasks.contracts.enriched.doubled'" in refused(entry())


def test_a_contract_without_schema_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["tasks.contracts.enriched.doubled"], "SCHEMA")
    assert "has no attribute 'SCHEMA'; it needs" in refused(entry())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": {}}, "; the specification lacks factor"),
        ({"parameters": {"factor": 2, "fctor": 3}}, "; the specification also gives fctor"),
        (
            {"inputs": {"orders": "silver.orders"}},
            "; the specification also gives orders; the specification lacks rows",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(changes: dict[str, object], said: str) -> None:
    assert refused(entry(**changes)) == (
        f"transform 'doubled': its function takes rows, factor, run_date{said}"
    )


def test_rows_are_computed_written_and_judged(run: RunContext) -> None:
    tables = silver(run, {"id": [1, 2], "total": [5, None]})
    table, _ = run_transform(run, entry(), tables)
    assert (table.rows, table.key, table.columns) == (
        2,
        ("id",),
        {"id": "BIGINT", "total": "BIGINT"},
    )
    (file,) = table.files
    assert (file.root, file.path) == ("silver", "shop/runs/r1/doubled/part-0.parquet")
    assert pl.read_parquet(run.urls(table)).sort("id").rows() == [(1, 10), (2, None)]
    checks = {
        "min_rows": 2,
        "rows_equal": "silver.orders",
        "max_null_rates": {"total": 0.5},
    }
    gates = judge_transform(run, entry(checks=checks), table, table, tables)
    assert [(gate.check, gate.status) for gate in gates] == [
        ("schema", "pass"),
        ("pk_uniqueness", "pass"),
        ("min_rows", "pass"),
        ("rows_equal.silver.orders", "pass"),
        ("null_rate.total", "pass"),
    ]
    record = transform_record(entry(), table, tables, 1.5)
    assert (record.table, record.rows_in, record.rows_out) == ("enriched.doubled", 2, 2)
    assert (record.inputs, record.seconds) == (("silver.orders",), 1.5)


def test_breaches_are_found_by_check(run: RunContext) -> None:
    tables = silver(run, {"id": [1, 1, None], "total": [-5, None, None]})
    table, _ = run_transform(run, entry(), tables)
    checks = {"min_rows": 4, "max_null_rates": {"total": 0.5}}
    gates = {g.check: g for g in judge_transform(run, entry(checks=checks), table, table, tables)}
    assert {check: gate.status for check, gate in gates.items()} == {
        "schema": "fail",
        "pk_uniqueness": "fail",
        "min_rows": "fail",
        "null_rate.total": "warn",
    }
    assert gates["pk_uniqueness"].message == (
        "3 rows have 2 keys (id)\n1 rows have a NULL in their key"
    )


def test_an_empty_table_is_judged_too(run: RunContext) -> None:
    tables = silver(run, {"id": [], "total": []})
    table, _ = run_transform(run, entry(), tables)
    gates = judge_transform(run, entry(), table, table, tables)
    assert {gate.status for gate in gates} == {"pass"}


def test_an_error_of_polars_names_the_transform(
    run: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rows: pl.LazyFrame, *, factor: int, run_date: date) -> pl.LazyFrame:
        return rows.select("nowhere")

    monkeypatch.setattr(sys.modules["tasks.transforms.doubled"], "doubled", broken)
    with pytest.raises(BuildError, match=r"^transform 'doubled': .*nowhere"):
        run_transform(run, entry(), silver(run, {"id": [1], "total": [1]}))


def written(tmp_path: Path, rows: pl.DataFrame) -> list[str]:
    rows.write_parquet(tmp_path / "rows.parquet")
    return [str(tmp_path / "rows.parquet")]


GOOD = pl.DataFrame({"id": [1, 2], "total": [0, None]}, schema={"id": pl.Int64, "total": pl.Int64})


@pytest.mark.parametrize(
    ("rows", "breaches"),
    [
        (GOOD, []),
        (GOOD.clear(), []),
        (GOOD.with_columns(total=pl.lit(-1, pl.Int64)), ["total: greater_than_or_equal_to(0)"]),
        (GOOD.with_columns(id=pl.lit(None, pl.Int64)), ["id: not_nullable"]),
        (GOOD.cast({"total": pl.Float64}), ["total: dtype('Int64')"]),
        (GOOD.drop("total"), ["total: column_in_dataframe"]),
        (GOOD.with_columns(more=pl.lit(1)), ["more: column_in_schema"]),
        (GOOD.select("total", "id"), ["total: column_ordered"]),
    ],
)
def test_schema_breaches_name_column_and_check(
    tmp_path: Path, rows: pl.DataFrame, breaches: list[str]
) -> None:
    assert schema_breaches(written(tmp_path, rows), SCHEMA) == breaches


def test_every_slice_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_validation, "ROWS_A_CHECK", 2)
    totals = [0, 0, 0, 0, -1]
    rows = pl.DataFrame({"id": range(5), "total": totals}, schema=GOOD.schema)
    assert schema_breaches(written(tmp_path, rows), SCHEMA) == [
        "total: greater_than_or_equal_to(0)"
    ]
    assert schema_breaches(written(tmp_path, rows.head(4)), SCHEMA) == []


def test_files_are_checked_together_and_must_have_the_same_columns(tmp_path: Path) -> None:
    files = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    GOOD.write_parquet(files[0])
    GOOD.with_columns(total=pl.lit(-1, pl.Int64)).write_parquet(files[1])
    urls = [str(file) for file in files]
    assert schema_breaches(urls, SCHEMA) == ["total: greater_than_or_equal_to(0)"]
    GOOD.drop("total").write_parquet(files[1])
    (breach,) = schema_breaches(urls, SCHEMA)
    assert breach.startswith("the files cannot be read as one table: ")


def test_the_seed_that_ships_is_read() -> None:
    rows = read_seed("region_tax_rates").collect()
    assert rows.schema == {"region": pl.String(), "tax_rate": pl.Decimal(9, 6)}


def test_a_seed_is_read_exactly(tmp_path: Path) -> None:
    (tmp_path / "region_tax_rates.csv").write_text("region,tax_rate\nUS-CA,0.0725\n")
    rows = read_seed("region_tax_rates", tmp_path).collect().rows()
    assert rows == [("US-CA", Decimal("0.072500"))]


def test_an_unknown_seed_is_told(run: RunContext) -> None:
    with pytest.raises(ConfigurationError, match="no seed 'rates'; known: region_tax_rates"):
        read_seed("rates")
    with pytest.raises(ConfigurationError, match="no seed 'rates'"):
        run_transform(run, entry(inputs={"rows": "seeds.rates"}), {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file"),
        ("region,tax_rate\nnorth,much\n", "could not parse `much`"),
        ("region,tax_rate\nnorth,0.1,0.2\n", ""),
    ],
)
def test_a_wrong_seed_names_the_file_and_what_it_must_hold(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    if text is not None:
        (tmp_path / "region_tax_rates.csv").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_seed("region_tax_rates", tmp_path)
    message = str(caught.value)
    wanted = "region String, tax_rate Decimal(precision=9, scale=6)"
    assert message.startswith(f"seed region_tax_rates.csv must hold {wanted}: ")
    assert problem in message
