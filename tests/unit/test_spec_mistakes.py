"""What a specification may say: every mistake is refused with its path and what was meant."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from tests.unit.spec_documents import SHOP, Change, load_changed, put, refused, written


def test_a_sound_specification_has_no_problem(tmp_path: Path) -> None:
    spec = load_changed(tmp_path)
    assert spec.silver_columns("orders") == {
        "order_id": "string",
        "customer_id": "string",
        "ordered_at": "timestamp",
        "total": "money",
        "pieces": "integer",
        "paid": "boolean",
        "batch_id": "string",
        "ingestion_ts": "timestamp",
        "event_id": "string",
        "source_file": "string",
        "order_dt": "date",
        "ingestion_dt": "date",
    }
    assert spec.bronze_columns("orders")["ordered_at"] == "string"
    assert spec.bronze_columns("orders")["ingestion_ts"] == "string"
    # Without a business date of its own, the day of ingestion stands there once.
    assert list(spec.silver_columns("customers"))[-2:] == ["source_file", "ingestion_dt"]


def test_thresholds_of_a_table_lie_over_those_of_the_pipeline(tmp_path: Path) -> None:
    spec = load_changed(tmp_path)
    limits = {name: spec.gate_thresholds(name) for name in ("customers", "lines", "orders")}
    assert [t.min_rows for t in limits.values()] == [2, 0, 2]
    assert [t.max_quarantine_rate for t in limits.values()] == [0.1, 0.1, 0.2]
    assert [t.min_fk_integrity for t in limits.values()] == [0.99, 0.99, 0.99]


ENTRIES: list[tuple[Change, str]] = [
    (put("pipelin", to="x"), "pipelin: no such setting; did you mean 'pipeline'?"),
    (
        put("tables", 2, "foriegn_keys", to=[]),
        "tables[2].foriegn_keys: no such setting; did you mean 'foreign_keys'? (in orders)",
    ),
    (
        put("tables", 2, "columns", 1, "typ", to="string"),
        "tables[2].columns[1].typ: no such setting; did you mean 'type'? (in orders.customer_id)",
    ),
    (
        put("tables", 2, "partition", "colunm", to="x"),
        "tables[2].partition.colunm: no such setting; did you mean 'column'? (in orders)",
    ),
    (
        put("tables", 2, "business_date", "of_parnt", to="x"),
        "tables[2].business_date.of_parnt: no such setting; did you mean 'of_parent'? (in orders)",
    ),
    (
        put("tables", 2, "name", to="Orders"),
        "tables[2].name: 'Orders' is no name; names match [a-z][a-z0-9_]* (in Orders)",
    ),
    (
        put("tables", 2, "name", to="../orders"),
        "tables[2].name: '../orders' is no name; names match [a-z][a-z0-9_]* (in ../orders)",
    ),
    (lambda s: s["tables"][2].pop("key"), "tables[2].key: is missing (in orders)"),
    (lambda s: s.pop("tables"), "tables: is missing"),
    (
        put("tables", 2, "columns", 0, "type", to="text"),
        "tables[2].columns[0].type: 'text' is not one of 'string', 'integer', 'float', 'boolean' "
        "or 'timestamp' (in orders.order_id)",
    ),
    (
        put("tables", 2, "silver_partition", to="year"),
        "tables[2].silver_partition: 'year' is not one of 'day', 'month' or 'none' (in orders)",
    ),
    (
        put("tables", 2, "rules", 0, to={"name": "nothing"}),
        "tables[2].rules[0]: give exactly one of not_null, not_negative, positive, "
        "not_after_run_date, matches, ordered, one_of, between, sql, not 0 (in orders)",
    ),
    (
        put("tables", 2, "rules", 0, "positive", to="pieces"),
        "tables[2].rules[0]: give exactly one of not_null, not_negative, positive, "
        "not_after_run_date, matches, ordered, one_of, between, sql, not 2 (in orders)",
    ),
    (
        put("tables", 2, "rules", 1, "name", to="customer_id_orphan"),
        "tables[2].rules[1]: a name that ends in _orphan is kept for foreign keys (in orders)",
    ),
    (
        put("tables", 2, "rules", 3, "matches", to={"order_id": "a", "customer_id": "b"}),
        "tables[2].rules[3]: matches takes one column (in orders)",
    ),
    (
        put("tables", 2, "business_date", to={"name": "order_dt"}),
        "tables[2].business_date: give day_of, of_parent or both (in orders)",
    ),
    (
        put("gates", "max_quarantine_rate", to=5),
        "gates.max_quarantine_rate: Input should be less than or equal to 1",
    ),
    (
        put("tables", 2, "gates", "min_rows", to=-1),
        "tables[2].gates.min_rows: Input should be greater than or equal to 0 (in orders)",
    ),
]

CROSS: list[tuple[Change, str]] = [
    (
        put("tables", 3, to=SHOP["tables"][0]),
        "tables[3].name: table 'customers' is declared twice (see tables[0])",
    ),
    (
        put("tables", 2, "columns", 6, to={"name": "total", "type": "float"}),
        "tables[2].columns[6].name: column 'total' is declared twice (see tables[2].columns[3])",
    ),
    (
        put("tables", 2, "columns", 6, to={"name": "event_id", "type": "string"}),
        "tables[2].columns[6].name: 'event_id' is an audit column, always there",
    ),
    (
        put("tables", 2, "columns", 6, to={"name": "ingestion_dt", "type": "string"}),
        "tables[2].columns[6].name: 'ingestion_dt' is computed for every silver table",
    ),
    (
        put("tables", 2, "columns", 3, "type", to="integer"),
        "tables[2].columns[3].becomes: only a float or string becomes money, and total is integer",
    ),
    (
        put("tables", 2, "columns", 2, "type", to="integer"),
        "tables[2].columns[2].becomes: only a string becomes timestamp, and ordered_at is integer",
    ),
    (
        put("tables", 2, "columns", 2, "lower", to=True),
        "tables[2].columns[2].lower: ordered_at is timestamp, no text",
    ),
    (
        put("tables", 1, "columns", 1, "lower", to=True),
        "tables[1].columns[1].lower: line is integer, no text",
    ),
    (
        put("tables", 2, "key", to=["order_idd"]),
        "tables[2].key[0]: no column 'order_idd'; did you mean 'order_id'?",
    ),
    (
        put("tables", 1, "key", 1, to="kind"),
        "tables[1].key[1]: no rule keeps 'kind' from being NULL; "
        "add a not_null or positive rule for it",
    ),
    (
        put("tables", 1, "partition", "column", to="kidn"),
        "tables[1].partition.column: rows are partitioned by a value, and there is no column "
        "'kidn'; did you mean 'kind'?",
    ),
    (
        put("tables", 2, "landing", to="lines"),
        "tables[2].partition.kind: lines are partitioned by the value of a column; say value",
    ),
    (
        lambda s: s["tables"][1].update(
            landing="lines", partition={"column": "line", "kind": "value"}
        ),
        "tables[1].partition.column: 'line' is integer, no text",
    ),
    (
        put("tables", 2, "gates", "max_null_rates", to={"totl": 0.1}),
        "tables[2].gates.max_null_rates: no column 'totl'; did you mean 'total'?",
    ),
    (
        put("tables", 2, "rules", 6, to={"name": "unpaid", "not_null": "paid"}),
        "tables[2].rules[6].name: rule 'unpaid' is declared twice (see tables[2].rules[5])",
    ),
    (
        put("tables", 2, "rules", 1, "not_negative", to="totals"),
        "tables[2].rules[1].not_negative: no column 'totals'; did you mean 'total'?",
    ),
    (
        put("tables", 2, "rules", 1, "not_negative", to="paid"),
        "tables[2].rules[1].not_negative: paid is boolean, not integer or float or money",
    ),
    (
        put("tables", 1, "rules", 1, "positive", to="kind"),
        "tables[1].key[1]: no rule keeps 'line' from being NULL; "
        "add a not_null or positive rule for it\n"
        "  tables[1].rules[1].positive: kind is string, not integer or float or money",
    ),
    (
        put("tables", 2, "rules", 2, "not_after_run_date", to="total"),
        "tables[2].rules[2].not_after_run_date: total is money, not timestamp",
    ),
    (
        put("tables", 2, "rules", 3, "matches", to={"pieces": "[0-9]"}),
        "tables[2].rules[3].matches: pieces is integer, not string",
    ),
    (
        put("tables", 2, "rules", 4, "ordered", to=["pieces", "peices"]),
        "tables[2].rules[4].ordered: no column 'peices'; did you mean 'pieces'?",
    ),
    (
        put("tables", 2, "foreign_keys", 0, "references", to="custmers"),
        "tables[2].foreign_keys[0].references: no table 'custmers'; did you mean 'customers'?",
    ),
    (
        put("tables", 2, "foreign_keys", 0, "column", to="custmer_id"),
        "tables[2].foreign_keys[0].column: no column 'custmer_id'; did you mean 'customer_id'?",
    ),
    (
        put("tables", 2, "foreign_keys", 0, "references", to="lines"),
        "tables[2].foreign_keys[0].references: the key of 'lines' has more than one column",
    ),
    (
        put("tables", 1, "foreign_keys", to=[{"column": "order_id", "references": "orders"}]),
        "tables[1].foreign_keys[0].references: 'orders' stands after 'lines'; "
        "list parents before their children",
    ),
    (
        put("tables", 2, "foreign_keys", 0, "references", to="orders"),
        "tables[2].foreign_keys[0].references: 'orders' stands after 'orders'; "
        "list parents before their children",
    ),
    (
        put("tables", 2, "foreign_keys", 0, "column", to="pieces"),
        "tables[2].foreign_keys[0].exempt_prefixes: pieces is integer; only strings have prefixes",
    ),
    (
        put("tables", 2, "business_date", "name", to="total"),
        "tables[2].business_date.name: 'total' is a received column already",
    ),
    (
        put("tables", 2, "business_date", "name", to="batch_id"),
        "tables[2].business_date.name: 'batch_id' is a received column already",
    ),
    (
        put("tables", 2, "business_date", "day_of", to="total"),
        "tables[2].business_date.day_of: 'total' is no timestamp column",
    ),
    (
        put("tables", 2, "business_date", "of_parent", to="customer"),
        "tables[2].business_date.of_parent: no foreign key on 'customer'; "
        "did you mean 'customer_id'?",
    ),
    (
        put("dimensions", 0, "table", to="custmers"),
        "dimensions[0].table: no table 'custmers'; did you mean 'customers'?",
    ),
    (
        put("dimensions", 1, to={"name": "people", "table": "orders"}),
        "dimensions[1].name: dimension 'people' is declared twice (see dimensions[0])",
    ),
    (
        put("transforms", 2, to=SHOP["transforms"][0]),
        "transforms[2].name: transform 'first' is declared twice (see transforms[0])",
    ),
    (
        put("transforms", 0, "inputs", to={"orders": "silver.ordrs"}),
        "transforms[0].inputs.orders: no table 'silver.ordrs'; did you mean 'silver.orders'?",
    ),
    (
        put("transforms", 0, "inputs", to={"second": "enriched.second"}),
        "transforms[0].inputs.second: 'enriched.second' is computed later; "
        "list transforms in dependency order",
    ),
    (
        put("transforms", 0, "inputs", to={"own": "enriched.first"}),
        "transforms[0].inputs.own: 'enriched.first' is computed later; "
        "list transforms in dependency order",
    ),
    (
        put("transforms", 1, "checks", to={"rows_equal": "enriched.fist"}),
        "transforms[1].checks.rows_equal: no table 'enriched.fist'; did you mean 'enriched.first'?",
    ),
    (
        put("gold", 0, "inputs", to=["enriched.secnd"]),
        "gold[0].inputs[0]: no table 'enriched.secnd'; did you mean 'enriched.second'?",
    ),
    (
        put("gold", 1, to=SHOP["gold"][0]),
        "gold[1].name: fact 'fct_orders' is declared twice (see gold[0])",
    ),
    (
        put("retention", to={"bronze_days": 90}),
        "retention.bronze_days: runs add new rows to silver of customers, and compute it from all "
        "of bronze when rules change: rows that left bronze would leave or stay by chance; leave "
        "it out, or limit old versions by bronze_version_days",
    ),
    (
        put("pii", 0, "table", to="ordrs"),
        "pii[0].table: no table 'ordrs'; did you mean 'orders'?",
    ),
    (
        put("pii", 0, "column", to="custmer_id"),
        "pii[0].column: no column 'custmer_id' in orders; did you mean 'customer_id'?",
    ),
    (
        put("chart", "mean", to=None),
        "chart.deviation: the band needs a mean, too",
    ),
    (
        put("chart", "table", to="gold.fct_order"),
        "chart.table: no table 'gold.fct_order'; did you mean 'gold.fct_orders'?",
    ),
]


@pytest.mark.parametrize(
    ("change", "message"), ENTRIES + CROSS, ids=[m[:60] for _, m in ENTRIES + CROSS]
)
def test_a_mistake_is_named_with_its_path(tmp_path: Path, change: Change, message: str) -> None:
    document = copy.deepcopy(SHOP)
    change(document)
    text = refused(written(tmp_path, yaml.safe_dump(document, sort_keys=False)))
    if "\n" in message:
        assert text == f"shop.yml: 2 problems\n  {message}"
    else:
        assert text == f"shop.yml: {message}"


def test_a_transform_must_not_take_the_name_of_a_silver_table_or_its_quarantine(
    tmp_path: Path,
) -> None:
    for name in ("orders", "orders_quarantine"):
        document = copy.deepcopy(SHOP)
        document["transforms"][0]["name"] = name
        text = refused(written(tmp_path, yaml.safe_dump(document)))
        assert f"transforms[0].name: '{name}' is a silver table already" in text


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    document = copy.deepcopy(SHOP)
    document["tables"][2]["foreign_keys"][0]["references"] = "custmers"
    document["chart"]["table"] = "gold.nothing_like_it"
    text = refused(written(tmp_path, yaml.safe_dump(document)))
    assert text.splitlines() == [
        "shop.yml: 2 problems",
        "  tables[2].foreign_keys[0].references: no table 'custmers'; did you mean 'customers'?",
        "  chart.table: no table 'gold.nothing_like_it'; known: dims.people, enriched.first, "
        "enriched.second, gold.fct_orders, silver.customers, silver.lines, silver.orders",
    ]
