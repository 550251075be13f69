"""How far a changed day reaches: what lets a table be computed for some of its days only.

Belongs here: the pydantic models of `incremental` in `flows/specs/<pipeline>.yml`. Does not belong
here: which days follow from a change (`tasks/changed_days.py`), or whether the entries fit the
tables (`incremental_checks.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.contracts.names import Name

HOURS, DAYS = "_hours", "_days"

Span = Annotated[int, Field(ge=0)] | Name
"""Days, or the name of a parameter whose name says that it counts hours or days."""


def span_days(span: Span, parameters: Mapping[str, Any]) -> int:
    """Return `span` in whole days, rounded up."""
    if isinstance(span, int):
        return span
    value = parameters[span]
    return -int(-value // (24 if span.endswith(HOURS) else 1))


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reach(_Entry):
    """Which days of an input a day of the table depends on; by default the same day alone."""

    before: Span = Field(0, description="So many days before it too.")
    after: Span = Field(0, description="So many days after it too.")
    of: str | None = Field(
        None, description="Another input: a day depends on all rows that those of it refer to ..."
    )
    by: Name | None = Field(None, description="... by this column, which both inputs have.")
    on_run_date: bool = Field(
        False, description="The input stands on the rows of the run date, whatever its own days."
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Reach:
        if (self.of is None) != (self.by is None):
            raise ValueError("`of` and `by` belong together")
        if self.on_run_date and (self.before, self.after, self.of) != (0, 0, None):
            raise ValueError("an input that stands on the run date has no other reach")
        return self


class Incremental(_Entry):
    """What a table's days depend on. An input that is not named changes all of them.

    A table that has this is written as one file a day.
    """

    reads: Annotated[dict[str, Reach], Field(min_length=1)] = Field(
        description="By argument of a transform, by name of a fact's input."
    )
    columns: dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="{argument: columns} of dimensions, of which the transform is given no others: "
        "the rest of a snapshot may change without changing the table.",
    )
    settles_after: Span = Field(
        0, description="A row so many days old says the same whatever the run date."
    )
    history: tuple[Span, ...] = Field(
        (),
        description="A gap-filled series: a changed day changes all that follow, which are "
        "computed from the inputs since then and the table's own rows of the longest of these "
        "spans before, given to the transform as `history`.",
    )
