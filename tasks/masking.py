"""Masks: what stands in published tables for a value that tells who a person is.

Belongs here: the keyed hash, and which columns of a layer a specification has masked or dropped.
Does not belong here: the key (`blocks/masking.py`), or dbt's process (`dbt_functions.py`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from tasks.contracts.pii import Policy
from tasks.contracts.spec import Spec, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HIDING_LAYERS: tuple[Literal["bronze", "silver"], ...] = ("bronze", "silver")
_PROBE = "which key"


def masked(value: str | None, key: bytes) -> str | None:
    """Return the HMAC-SHA256 of a text as lower-case hex; NULL stays NULL.

    Equal values have equal masks, so that rows still join; without the key nobody can test a guess.
    """
    if value is None:
        return None
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def register_masks(engine: DuckDBPyConnection, key: SecretStr | None) -> None:
    """Let SQL of `engine` call `masked(text)`, if there is a key."""
    if key is not None:
        secret = key.get_secret_value().encode()

        def mask(value: str) -> str | None:
            return masked(value, secret)

        engine.create_function("masked", mask, ["VARCHAR"], "VARCHAR")


def gold_policies(spec: Spec) -> dict[str, Literal["mask", "drop"]]:
    """Return {column: policy} of the columns that no gold table shows as silver has them.

    What silver has masked already stays as it is: a hash of a hash would not join.
    """
    found: dict[str, Literal["mask", "drop"]] = {}
    for entry in spec.pii:
        policy = entry.gold_policy
        if policy == "mask" and entry.silver_policy == "mask":
            continue
        for name in (entry.column, *entry.gold_columns):
            if policy == "drop" or (policy == "mask" and name not in found):
                found[name] = policy
    return found


def hidden_by(spec: Spec, table: str, layer: Literal["bronze", "silver"]) -> dict[str, Policy]:
    """Return {column: policy} of what `layer` is the first to mask or drop of `table`.

    A value that is masked in bronze is dropped by silver, but not masked again.
    """
    found: dict[str, Policy] = {}
    for entry in spec.pii:
        before = entry.bronze_policy if layer == "silver" else "keep"
        if entry.table == table and entry.policy(layer) not in ("keep", before):
            found[entry.column] = entry.policy(layer)
    return found


def hides_in_silver(spec: Spec) -> list[str]:
    """Return the tables of which silver shows less than bronze has."""
    return [table.name for table in spec.tables if hidden_by(spec, table.name, "silver")]


def masks_in_bronze(spec: Spec) -> bool:
    """Tell whether landing masks columns."""
    return any(entry.bronze_policy == "mask" for entry in spec.pii)


def needs_key(spec: Spec) -> bool:
    """Tell whether any layer has columns that are masked."""
    return any(
        (entry.gold_columns and entry.gold_policy == "mask")
        or "mask" in (entry.bronze_policy, entry.silver_policy)
        for entry in spec.pii
    )


def as_silver_has_it(column: str, *, lower: bool) -> str:
    """Return the SQL of a received text as silver has it: trimmed, folded, null tokens NULL."""
    text = f"trim(cast({column} as varchar), e' \\t\\r\\n')"
    folded = f"lower({text})" if lower else text
    return (
        f"case when strlen({text}) <= 4 and lower({text}) in ('', 'none', 'null', 'n/a', 'nan') "
        f"then null else {folded} end"
    )


def hiding_sql(table: Table, policies: Mapping[str, Policy]) -> dict[str, str]:
    """Return {column: SQL} of received columns of `table` masked or emptied, of the same types."""
    folded = {column.name for column in table.columns if column.lower}
    return {
        name: f"masked({as_silver_has_it(name, lower=name in folded)})"
        if policy == "mask"
        else f"case when false then {name} end"
        for name, policy in policies.items()
    }


def silver_sql(spec: Spec) -> dict[str, dict[str, str]]:
    """Return {table of silver: {column: SQL}} of what is not published as it was computed.

    Event ids of our own are hashes of all values of a row, by which guesses could be tested.
    """
    own_id = "case when starts_with(event_id, 'evt_') then masked(event_id) else event_id end"
    found = {}
    for name in hides_in_silver(spec):
        table, policies = spec.table(name), hidden_by(spec, name, "silver")
        typed = {
            column: f"masked({column})"
            if policy == "mask"
            else f"case when false then {column} end"
            for column, policy in policies.items()
        }
        found[name] = {**typed, "event_id": own_id}
        found[table.quarantine_name] = {**hiding_sql(table, policies), "event_id": own_id}
    return found


def landed_flags(policies: Mapping[str, Policy]) -> tuple[str, ...]:
    """Return what a manifest says of files that were landed under `policies`."""
    return tuple(sorted(f"{column}={policy}" for column, policy in policies.items()))


def masked_keys(spec: Spec) -> list[str]:
    """Return the tables whose key, one column, silver masks: what refers to it is masked alike."""
    return [
        table.name
        for table in spec.tables
        if hidden_by(spec, table.name, "silver").get(table.key[0]) == "mask"
    ]


def key_fingerprint(key: bytes) -> str:
    """Return a short text that differs for another key, and from which no key can be told."""
    return hmac.new(key, _PROBE.encode(), hashlib.sha256).hexdigest()[:16]
