"""Masks: what stands in published tables for a value that tells who a person is.

Belongs here: the keyed hash, and which columns of gold a specification has masked. Does not belong
here: the key (`blocks/masking.py`), or calling the hash from SQL (`dbt_functions.py`).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal

from tasks.contracts.spec import Spec

_PROBE = "which key"


def masked(value: str | None, key: bytes) -> str | None:
    """Return the HMAC-SHA256 of a text as lower-case hex; NULL stays NULL.

    Equal values have equal masks, so that rows still join; without the key nobody can test a guess.
    """
    if value is None:
        return None
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def gold_policies(spec: Spec) -> dict[str, Literal["mask", "drop"]]:
    """Return {column: policy} of the columns that no gold table shows as silver has them."""
    found: dict[str, Literal["mask", "drop"]] = {}
    for entry in spec.pii:
        for name in (entry.column, *entry.gold_columns):
            if entry.gold_policy == "drop" or (entry.gold_policy == "mask" and name not in found):
                found[name] = entry.gold_policy
    return found


def needs_key(spec: Spec) -> bool:
    """Tell whether gold has columns that are masked."""
    return any(entry.gold_columns and entry.gold_policy == "mask" for entry in spec.pii)


def key_fingerprint(key: bytes) -> str:
    """Return a short text that differs for another key, and from which no key can be told."""
    return hmac.new(key, _PROBE.encode(), hashlib.sha256).hexdigest()[:16]
