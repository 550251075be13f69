"""What of silver stays in the lake, and the masks that a warehouse gets for it."""

from __future__ import annotations

import duckdb
import pytest

from tasks.contracts.nested_kinds import fully_quoted, struct_members
from tasks.contracts.pii import Pii
from tasks.masking import masked
from tasks.specs import load_spec
from tasks.warehouse_columns import Withheld, with_masks, withheld_columns

RETAIL = load_spec("retail")
CUSTOMERS = dict.fromkeys(("key", "name", "email"), "VARCHAR")
KEY = b"open sesame"


def test_masks_stand_for_what_gold_shows_and_other_tables_keep_their_names() -> None:
    there = withheld_columns(RETAIL, masks=True, key=KEY)
    shown = ["key", "name__masked", "email__masked"]
    assert list(there.columns("silver.stg_customers", CUSTOMERS)) == shown
    assert set(there.columns("silver.stg_customers", CUSTOMERS).values()) == {"VARCHAR"}
    assert there.columns("silver.stg_products", CUSTOMERS) == CUSTOMERS
    assert there.columns("gold.customer_orders", CUSTOMERS) == CUSTOMERS
    # What is made of silver may hold what any of it holds.
    assert list(there.columns("enriched.customers", CUSTOMERS)) == shown


def test_what_silver_has_masked_is_loaded_as_it_is() -> None:
    name = Pii(table="stg_customers", column="name", kind="name", bronze="mask")
    there = withheld_columns(RETAIL.model_copy(update={"pii": (name,)}), masks=True, key=KEY)
    assert there.columns("silver.stg_customers", CUSTOMERS) == CUSTOMERS


def test_where_the_lake_computes_gold_no_mask_is_loaded() -> None:
    lake = withheld_columns(RETAIL, masks=False, key=KEY)
    assert list(lake.columns("silver.stg_customers", CUSTOMERS)) == ["key"]
    assert lake.note("silver.stg_customers") == ""


def test_a_column_that_gold_does_not_show_is_not_loaded_at_all() -> None:
    shop = withheld_columns(load_spec("ecommerce"), masks=True, key=None)
    assert list(shop.columns("silver.orders", CUSTOMERS)) == ["key", "name"]
    assert shop.masks("silver.customers") == {}


def test_masks_of_another_key_are_told_apart_without_telling_the_key() -> None:
    notes = {
        withheld_columns(RETAIL, masks=True, key=key).note("silver.stg_customers")
        for key in (KEY, b"another")
    }
    assert len(notes) == 2
    assert not any("sesame" in note for note in notes)
    assert withheld_columns(RETAIL, masks=True, key=KEY).note("silver.stg_orders") == ""


@pytest.mark.parametrize("kind", ["varchar", "date", "decimal(9, 2)"])
def test_masks_are_those_that_duckdb_would_have_put_into_gold(kind: str) -> None:
    value = {"varchar": "Ana Müller", "date": "2024-01-02", "decimal(9, 2)": "7.50"}[kind]
    rows = f"select cast(v as {kind}) as name, 1 as email from (values ('{value}'), (null)) as t(v)"
    with duckdb.connect() as connection:
        sql = with_masks(connection, rows, {"name": "mask", "email": "drop"}, KEY)
        found = connection.execute(f"select name__masked, email__masked from ({sql})").fetchall()
    assert found == [(masked(value, KEY), None), (None, None)]
    assert KEY.decode() not in sql


def test_a_dropped_column_needs_no_key() -> None:
    entry = Pii(table="t", column="name", kind="name", gold="drop", gold_columns=("who",))
    found = Withheld((entry,), frozenset({"t"}), key_name="")
    assert list(found.columns("silver.t", CUSTOMERS)) == ["key", "name__masked", "email"]
    with duckdb.connect() as connection:
        sql = with_masks(connection, "select 'Ana' as name", found.masks("silver.t"), None)
        assert connection.execute(sql).fetchall() == [("Ana", None)]


def test_nested_types_are_read_as_duckdb_and_arrow_spell_them() -> None:
    kind = 'STRUCT(id VARCHAR, "at, (all)" TIMESTAMP, l STRUCT(a DECIMAL(9,2), b DATE)[])'
    members = struct_members(kind)
    assert members == {
        "id": "VARCHAR",
        "at, (all)": "TIMESTAMP",
        "l": "STRUCT(a DECIMAL(9,2), b DATE)[]",
    }
    quoted = 'STRUCT("id" VARCHAR, "at, (all)" TIMESTAMP, "l" STRUCT("a" DECIMAL(9,2), "b" DATE)[])'
    assert fully_quoted(f"{kind}[]") == f"{quoted}[]"
    assert struct_members("VARCHAR") is None
    with pytest.raises(ValueError, match="is no member"):
        struct_members("STRUCT()")
