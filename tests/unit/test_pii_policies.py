"""What a specification may say of what each layer shows of a person, and what follows."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.contracts.errors import SpecError
from tasks.contracts.pii import Pii
from tasks.contracts.spec import Spec
from tasks.masking import gold_policies, hidden_by, needs_key, silver_sql
from tasks.specs import SPEC_FOLDER, load_spec_file


def loaded(
    tmp_path: Path, pipeline: str, *entries: dict[str, Any], defaults: dict[str, str] | None = None
) -> Spec:
    """The specification of `pipeline` with other `pii`."""
    document = yaml.safe_load((SPEC_FOLDER / f"{pipeline}.yml").read_text(encoding="utf-8"))
    document = copy.deepcopy(document) | {"pii": list(entries)}
    if defaults is not None:
        document["pii_defaults"] = defaults
    path = tmp_path / f"{pipeline}.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_spec_file(path)


def entry(table: str, column: str, kind: str = "other", **more: Any) -> dict[str, Any]:
    return {"table": table, "column": column, "kind": kind, **more}


CUSTOMERS, ORDERS, STG = "customers", "orders", "stg_customers"
ORDER_ID = [(t, "order_id") for t in (ORDERS, "order_items", "returns", "return_items")]


@pytest.mark.parametrize(
    ("pipeline", "entries", "problem"),
    [
        (
            "ecommerce",
            [entry(CUSTOMERS, "email", "email", silver="drop", gold="keep")],
            "pii[0].gold: cannot keep what silver has dropped; leave it out, or say drop",
        ),
        (
            "ecommerce",
            [entry(CUSTOMERS, "email", "email", bronze="mask", silver="keep")],
            "pii[0].silver: cannot keep what bronze has masked; leave it out, or say mask or drop",
        ),
        (
            "ecommerce",
            [entry(CUSTOMERS, "email", "email", bronze="mask")],
            "pii[0].bronze: rule invalid_email of customers judges email, and cannot once it is",
        ),
        (
            "ecommerce",
            [entry(CUSTOMERS, "signup_date", silver="mask")],
            "pii[0].silver: signup_date is timestamp; only texts have masks, drop it",
        ),
        (
            "ecommerce",
            [entry(CUSTOMERS, "signup_date", silver="drop")],
            "pii[0].silver: customers is dated by signup_date; it cannot be dropped",
        ),
        (
            "ecommerce",
            [entry("product_catalog", "category", bronze="mask")],
            "pii[0].bronze: bronze of product_catalog is partitioned by category; keep it",
        ),
        (
            "ecommerce",
            [entry(ORDERS, "order_id", silver="mask")],
            "pii[0].silver: order_items.order_id refers to orders.order_id; both need the same",
        ),
        (
            "ecommerce",
            [entry(t, "customer_id", silver="mask") for t in (CUSTOMERS, ORDERS)],
            "pii[0].silver: orders.customer_id that begin with GUEST- need no parent",
        ),
        (
            "ecommerce",
            [entry(t, c, silver="drop") for t, c in ORDER_ID],
            "pii[0].silver: order_id is the key of orders; it cannot be dropped, mask it",
        ),
        (
            "ecommerce",
            [
                entry(CUSTOMERS, "email", "email", silver="mask"),
                entry(ORDERS, "email", "email"),
            ],
            "pii[1].silver: gold may show email of orders and of customers (pii[0])",
        ),
        (
            "retail",
            [entry(STG, "name", "name", silver="mask")],
            "pii[0].silver: silver of stg_customers is a view over bronze, and a view must not",
        ),
        (
            "retail",
            [entry(STG, "email", "email", bronze="mask")],
            "pii[0].bronze: row_model raw_customer judges email (invalid_email), and cannot once",
        ),
        (
            "clickstream",
            [entry("events_cleaned", "user_session", silver="mask")],
            "pii[0].silver: lines of events_cleaned that cannot be parsed are kept whole",
        ),
        (
            "coordination",
            [entry("processed_tasks", "title", silver="mask")],
            "pii[0].silver: records of processed_tasks are kept whole, as received",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_path(
    tmp_path: Path, pipeline: str, entries: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(SpecError) as caught:
        loaded(tmp_path, pipeline, *entries)
    assert problem in str(caught.value)


def test_layers_show_no_more_than_the_one_before() -> None:
    assert Pii(table="t", column="c", kind="email").gold_policy == "mask"
    assert Pii(table="t", column="c").gold_policy == "keep"
    hidden = Pii(table="t", column="c", bronze="mask")
    assert (hidden.silver_policy, hidden.gold_policy) == ("mask", "mask")
    assert Pii(table="t", column="c", kind="email", silver="drop").gold_policy == "drop"


def test_defaults_of_a_layer_are_those_of_names_and_addresses(tmp_path: Path) -> None:
    entries = [
        entry(CUSTOMERS, "email", "email"),
        entry(CUSTOMERS, "first_name", "name", silver="drop"),
        entry(CUSTOMERS, "last_name", "name", bronze="mask"),
        entry(CUSTOMERS, "age", "birth"),
        entry(ORDERS, "email", "email", silver="mask"),
    ]
    spec = loaded(tmp_path, "ecommerce", *entries, defaults={"silver": "mask", "gold": "drop"})
    assert hidden_by(spec, CUSTOMERS, "silver") == {"email": "mask", "first_name": "drop"}
    assert hidden_by(spec, CUSTOMERS, "bronze") == {"last_name": "mask"}
    assert gold_policies(spec) == dict.fromkeys(["email", "first_name", "last_name"], "drop")
    assert needs_key(spec)
    assert Spec.model_validate(spec.model_dump(mode="json")) == spec
    plain = loaded(tmp_path, "ecommerce", entries[0], defaults={"gold": "mask"})
    assert (plain.pii[0].silver, plain.pii[0].gold) == (None, None)
    assert (silver_sql(plain), needs_key(plain)) == ({}, False)


def test_gold_makes_no_mask_of_a_mask(tmp_path: Path) -> None:
    spec = loaded(tmp_path, "retail", entry(STG, "name", "name", bronze="mask", gold_columns=["n"]))
    assert gold_policies(spec) == {}
    assert needs_key(spec)
    clear = loaded(tmp_path, "retail", entry(STG, "name", "name", gold_columns=["n"]))
    assert gold_policies(clear) == {"name": "mask", "n": "mask"}
