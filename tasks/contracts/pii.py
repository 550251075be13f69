"""Columns that tell who a person is, and what each layer shows of them.

Belongs here: the models of `pii` and `pii_defaults` in a specification, and which policy follows
from which. Does not belong here: which policies a table can hold (`pii_checks.py`), or masking.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from tasks.contracts.names import Name

Policy = Literal["keep", "mask", "drop"]  # from the least strict to the strictest
PiiLayer = Literal["bronze", "silver", "gold"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
PII_LAYERS: tuple[PiiLayer, ...] = get_args(PiiLayer)
# Kinds by which a person is known to anybody; what else is declared is kept unless it says so.
DIRECT_KINDS = ("name", "email", "phone", "address")


class PiiDefaults(BaseModel):
    """What a layer shows of names, e-mail addresses, phone numbers and addresses by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bronze: Policy = "keep"
    silver: Policy = "keep"
    gold: Policy = "mask"


class Pii(BaseModel):
    """A column that tells who a person is, and how each layer shows it.

    `mask` is a keyed hash by which rows still join, `drop` a NULL. A layer shows no more than the
    one before it; what is left out follows from `pii_defaults` and from the layer before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Name
    column: Name
    kind: Literal["name", "email", "phone", "address", "identifier", "birth", "other"] = "other"
    bronze: Policy | None = Field(None, description="What landing writes; left out: kept.")
    silver: Policy | None = Field(None, description="Left out: kept, as bronze has it.")
    gold: Policy | None = Field(
        None, description="Left out: names, e-mail addresses, phone numbers, addresses are masked."
    )
    gold_columns: tuple[Name, ...] = Field(
        (), description="What gold tables call it, beside its own name."
    )

    @property
    def bronze_policy(self) -> Policy:
        return self.bronze or "keep"

    @property
    def silver_policy(self) -> Policy:
        return self.silver or self.bronze_policy

    @property
    def gold_policy(self) -> Policy:
        masked: Policy = "mask" if self.kind in DIRECT_KINDS else "keep"
        return self.gold or stricter(masked, self.silver_policy)

    def policy(self, layer: PiiLayer) -> Policy:
        """Return what `layer` shows of the column."""
        found: Policy = getattr(self, f"{layer}_policy")
        return found


def stricter(one: Policy, other: Policy) -> Policy:
    """Return the policy that shows less."""
    return max(one, other, key=POLICIES.index)


def with_defaults(document: Any) -> Any:
    """Say in each entry of `pii` what follows from the document's `pii_defaults`.

    What is no such document is returned as it is: its faults are found where it is validated.
    """
    entries = document.get("pii") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not isinstance(document.get("pii_defaults"), dict):
        return document
    given = document["pii_defaults"]
    filled = []
    for entry in entries:
        if isinstance(entry, dict) and entry.get("kind") in DIRECT_KINDS:
            entry, before = dict(entry), "keep"  # noqa: PLW2901 - the caller's stays
            for layer in PII_LAYERS:
                told = entry.get(layer)
                # What is so by itself is not said: reading a specification twice changes nothing.
                differs = layer in given and given[layer] != PiiDefaults.model_fields[layer].default
                if told is None and differs:
                    told = entry[layer] = _stricter_text(given[layer], before)
                before = _stricter_text(told, before)
        filled.append(entry)
    return {**document, "pii": filled}


def _stricter_text(policy: Any, other: Any) -> Any:
    known = [each for each in (policy, other) if each in POLICIES]
    return max(known, key=POLICIES.index) if len(known) > 1 else policy or other
