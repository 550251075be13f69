"""How files of somebody else's layout become rows of a bronze table.

Belongs here: the models of `source` in a specification, and what is wrong with one as it is
written. Does not belong here: finding the files (`mapped_sources.py`) or reading them
(`mapped_rows.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tasks.contracts.names import Name, did_you_mean

MappedFormat = Literal["csv", "json", "jsonl", "parquet"]
FIRST = "source"


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path:
        raise ValueError(f"'{path}' lies outside of the source; name it relative to that folder")
    return path


def _of_both(by: Any) -> Any:
    return {by: by} if isinstance(by, str) else by


FilePath = Annotated[str, Field(min_length=1), AfterValidator(_inside)]
ColumnName = Annotated[str, Field(min_length=1)]
Expression = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceJoin(_Entry):
    """Further files, joined from the left: each row of the first file finds at most one of them."""

    name: Name = Field(description="How expressions call it (`customers.customer_state`).")
    path: FilePath
    format: MappedFormat = "csv"
    by: Annotated[dict[ColumnName, ColumnName], BeforeValidator(_of_both)] = Field(
        min_length=1,
        description="A column of both, or {column of what stands before it: column of this one}.",
    )
    aggregate: dict[Name, Expression] | None = Field(
        None, description="{name: aggregate in DuckDB SQL}: one row for each value of `by`."
    )


class SourceMapping(_Entry):
    """The files that a table's rows are made of: one row a row of the first file.

    `columns` says of every received column where it comes from: a column of the first file, an
    expression in DuckDB SQL over the files by their names (the first is `source`), or null. Values
    of CSV and JSON are texts, those of Parquet have their types; what comes out lands as text.
    """

    path: FilePath = Field(description="Relative to the source folder; may hold * and ?.")
    format: MappedFormat = "csv"
    joins: tuple[SourceJoin, ...] = ()
    columns: dict[Name, Expression | None]

    @property
    def files(self) -> dict[str, tuple[str, MappedFormat]]:
        """{name in expressions: (path, format)}, the first file first."""
        joined = {join.name: (join.path, join.format) for join in self.joins}
        return {FIRST: (self.path, self.format)} | joined


def mapping_problems(
    path: str, mapping: SourceMapping, columns: Collection[str], landing: str
) -> Iterator[str]:
    """Say what is wrong with the `source` of a table that receives `columns`."""
    if landing == "lines":
        yield f"{path}: lines land as they are; a mapped table has landing: rows"
    seen = {FIRST}
    for number, join in enumerate(mapping.joins):
        if join.name in seen:
            yield f"{path}.joins[{number}].name: '{join.name}' is the name of another file already"
        seen.add(join.name)
        if join.aggregate is not None and not join.aggregate:
            yield f"{path}.joins[{number}].aggregate: name an aggregate at least, or leave it out"
    for name in mapping.columns:
        if name not in columns:
            yield f"{path}.columns.{name}: no column '{name}'{did_you_mean(name, columns)}"
    missing = [name for name in columns if name not in mapping.columns]
    if missing:
        told = ", ".join(missing)
        yield f"{path}.columns: does not say where {told} comes from; null is an answer, too"
