"""A rule of a table: one demand on each row, as a specification declares it.

Belongs here: the kinds of rules. Does not belong here: which columns there are (`spec_checks.py`),
or how a rule becomes SQL (`dbt/macros/silver/rule_conditions.sql`).
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.contracts.names import Name


class Rule(BaseModel):
    """One demand on a row, of exactly one kind; the row breaks it unless it IS TRUE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    not_null: Name | None = None
    not_negative: Name | None = Field(None, description="The column is >= 0, or NULL.")
    positive: Name | None = Field(None, description="The column is > 0; NULL breaks the rule.")
    not_after_run_date: Name | None = Field(
        None, description="The timestamp's day is not after the run date; NULL breaks the rule."
    )
    matches: dict[Name, str] | None = Field(
        None, description="{column: pattern}: all of the text matches the pattern, or is NULL."
    )
    ordered: tuple[Name, Name] | None = Field(
        None, description="[low, high]: low <= high, or either is NULL."
    )
    one_of: dict[Name, tuple[str, ...]] | None = Field(
        None, description="{column: values}: the column is one of them; NULL breaks the rule."
    )
    between: dict[Name, tuple[float, float]] | None = Field(
        None, description="{column: [low, high]}: low <= column <= high; NULL breaks the rule."
    )
    sql: str | None = Field(None, description="A condition over the silver columns, in DuckDB SQL.")

    @model_validator(mode="after")
    def _one_check(self) -> Rule:
        if len(self.checks) != 1:
            kinds = ", ".join(RULE_KINDS)
            raise ValueError(f"give exactly one of {kinds}, not {len(self.checks)}")
        if self.name.endswith("_orphan"):
            raise ValueError("a name that ends in _orphan is kept for foreign keys")
        for kind in ("matches", "one_of", "between"):
            if getattr(self, kind) is not None and len(getattr(self, kind)) != 1:
                raise ValueError(f"{kind} takes one column")
        return self

    @property
    def checks(self) -> dict[str, Any]:
        return {kind: getattr(self, kind) for kind in RULE_KINDS if getattr(self, kind) is not None}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule names (none for free SQL)."""
        ((kind, value),) = self.checks.items()
        if kind == "sql":
            return ()
        several = {"matches", "one_of", "between", "ordered"}
        return tuple(value) if kind in several else (value,)


RULE_KINDS = (
    "not_null",
    "not_negative",
    "positive",
    "not_after_run_date",
    "matches",
    "ordered",
    "one_of",
    "between",
    "sql",
)
