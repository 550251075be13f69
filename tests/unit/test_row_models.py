"""Received rows as pydantic models judge them, beside the oracle's reading and silver's casts."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from tasks.contracts.errors import ConfigurationError
from tasks.contracts.row_models import received_values as values
from tasks.row_judging import judge, row_model
from tasks.specs import load_spec
from tests.integration.dbt_invocation import DBT
from tests.oracle.retail_silver import RAW, RULES

SPEC = load_spec("retail")
MODELS = {table.bronze_name: row_model(str(table.row_model)) for table in SPEC.tables}
GOOD: dict[str, dict[str, str | None]] = {
    "raw_customers": {
        **dict.fromkeys(RAW["raw_customers"]),
        "customer_id": "c1",
    },
    "raw_products": {**dict.fromkeys(RAW["raw_products"]), "product_id": "p1"},
    "raw_orders": {
        "order_id": "o1",
        "customer_id": "c1",
        "status": None,
        "region": None,
        "total_amount": "1e2",
        "created_at": "2024-01-01",
    },
    "raw_order_items": {
        "order_item_id": "i1",
        "order_id": "o1",
        "product_id": "p1",
        "quantity": "2.0",
        "unit_price": ".5",
    },
}
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "NULL", "n/a", "NaN", "inf", "-0", "+0.00", "-0.001", "1_0", "\u0661"]
    ),
    st.from_regex(
        r"[ \t]?[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,2})?[ \r\n]?", fullmatch=True
    ),
    st.from_regex(
        r"(0000|0001|2023|2024)-(0[0-9]|1[0-3])-(0[1-9]|[23][0-9])"
        r"([Tt ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?)?"
        r"( ?(Z|utc|[+-][0-2][0-9](:?[0-6][0-9])?))?",
        fullmatch=True,
    ),
    st.from_regex(r"[a-z@ .]{0,8}", fullmatch=True),
    st.text(max_size=5),
)


def reasons(table: str, row: dict[str, Any]) -> list[str]:
    found = dict(judge([row], MODELS[table]))
    return found[0]["reasons"] if found else []


@pytest.mark.parametrize("table", RAW)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_model_breaks_the_rules_of_the_contract_in_their_order(
    table: str, data: st.DataObject
) -> None:
    row = {**GOOD[table], **data.draw(st.dictionaries(st.sampled_from(RAW[table]), TEXTS))}
    wanted = [name for name, holds in RULES[table].items() if not holds(row)]
    assert reasons(table, row) == wanted


@pytest.mark.parametrize("table", RAW)
def test_a_good_row_is_no_concern(table: str) -> None:
    assert reasons(table, {**GOOD[table], "batch_id": None}) == []


def test_a_rejected_row_says_what_is_wrong_with_each_value() -> None:
    rows = [GOOD["raw_orders"], {**GOOD["raw_orders"], "order_id": " ", "total_amount": "x"}]
    assert list(judge(rows, MODELS["raw_orders"])) == [
        (
            1,
            {
                "reasons": ["missing_order_id", "invalid_total_amount"],
                "message": "order_id: is missing; total_amount: is no number >= 0: 'x'",
            },
        )
    ]


@pytest.mark.parametrize("name", ["nobody", "received_values", "../retail"])
def test_a_model_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no model Row in"):
        row_model(name)


@pytest.fixture(scope="module")
def casts() -> dict[str, str]:
    """Silver's own casts of a text `t`, as SQL."""
    environment = Environment(extensions=["jinja2.ext.do"])
    source = "".join(
        (DBT / "macros" / "silver" / name).read_text()
        for name in ("typed_columns.sql", "utc_timestamps.sql")
    )
    return {
        name: environment.from_string(f"{source}{{{{ {call} }}}}").render()
        for name, call in {
            "moment": "to_utc_timestamp('t')",
            "money": "to_money('t', 'string')",
            "whole": "to_whole_number('t')",
        }.items()
    }


@given(text=TEXTS.filter(bool))
@example(text="2024-02-30")
@example(text="9999999999999999.99")
@example(text="20e-1")
@example(text="1E-20")
@example(text="1.00000000001")
@settings(max_examples=150, deadline=None)
def test_silver_casts_what_the_models_let_through(casts: dict[str, str], text: str) -> None:
    """Money and whole numbers may be too large for their types, and are NULL then."""
    trimmed = values.as_text(text)
    if trimmed is None:
        return
    select = ", ".join(f"{sql} as {name}" for name, sql in casts.items())
    row = duckdb.execute(f"select {select} from (select $t as t)", {"t": trimmed}).fetchone()
    assert row is not None
    moment, money, whole = row
    assert (moment is not None) == values.is_moment(trimmed)
    assert money is None or values.is_number(trimmed)
    assert (money is not None) >= (values.is_number(trimmed) and abs(float(trimmed)) < 1e15)
    if whole is not None:
        assert values.is_number(trimmed)
        assert values.is_whole(trimmed)
        assert whole == int(float(trimmed))
    elif values.is_number(trimmed):
        assert not values.is_whole(trimmed) or abs(float(trimmed)) >= 1e18
