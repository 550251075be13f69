"""Masks: the keyed hash, and which columns of gold get one."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from tasks.contracts.pii import Pii
from tasks.contracts.spec import Spec
from tasks.masking import gold_policies, key_fingerprint, masked, needs_key
from tasks.specs import known_pipelines, load_spec

PERSONAL = {"name", "email", "phone", "address"}


def with_pii(*entries: Pii) -> Spec:
    return load_spec("retail").model_copy(update={"pii": entries})


def test_a_mask_is_a_keyed_hash_that_still_joins() -> None:
    told = hmac.new(b"key", "Ana Müller".encode(), hashlib.sha256).hexdigest()
    assert masked("Ana Müller", b"key") == told == masked("Ana Müller", b"key")
    assert masked("Ana Müller", b"other") != told
    assert masked("", b"key") is not None
    assert masked(None, b"key") is None


def test_a_fingerprint_tells_keys_apart_and_is_no_mask() -> None:
    assert key_fingerprint(b"a") != key_fingerprint(b"b")
    assert len(key_fingerprint(b"a")) == 16


@pytest.mark.parametrize("pipeline", known_pipelines())
def test_what_tells_who_a_person_is_is_masked_in_gold_by_default(pipeline: str) -> None:
    spec = load_spec(pipeline)
    policies = gold_policies(spec)
    for entry in spec.pii:
        if entry.kind in PERSONAL and entry.gold is None:
            assert {policies[name] for name in (entry.column, *entry.gold_columns)} == {"mask"}
        elif entry.gold is None:
            assert entry.column not in policies


def test_retail_masks_names_and_addresses_and_asks_for_the_key() -> None:
    assert needs_key(load_spec("retail"))
    assert gold_policies(load_spec("retail")).keys() >= {"customer_name", "customer_email"}
    assert not needs_key(load_spec("ecommerce"))


def test_a_policy_may_say_otherwise() -> None:
    spec = with_pii(
        Pii(table="stg_customers", column="name", kind="name", gold="keep", gold_columns=("n",)),
        Pii(table="stg_customers", column="email", kind="email", gold="drop", gold_columns=("e",)),
        Pii(table="stg_customers", column="customer_id", kind="identifier", gold="mask"),
    )
    assert gold_policies(spec) == {"email": "drop", "e": "drop", "customer_id": "mask"}
    assert not needs_key(spec)
