"""What dbt reads and writes of a table of JSON records.

Belongs here: from bronze files and a base to queries, outputs and variables of a silver build. Does
not belong here: tables whose rows have columns of their own (`silver_inputs.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.spec import Table
from tasks.feed_sql import fields_select, lines_select
from tasks.run_base import Base
from tasks.run_context import RunContext


@dataclass(frozen=True)
class FeedInputs:
    """Queries by source; folders, carried files and paths of new bronze files by table."""

    selects: dict[str, list[str]] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)
    carried: dict[str, list[str]] = field(default_factory=dict)
    fresh: dict[str, list[str]] = field(default_factory=dict)


def feed_models(table: Table) -> list[str]:
    """Return the dbt models of a table of JSON records."""
    assert table.feed is not None
    return [*(beside.name for beside in table.feed.beside), table.name, table.quarantine_name]


def feed_inputs(
    run: RunContext, tables: Iterable[Table], inventory: Mapping[str, BronzeTable], base: Base
) -> FeedInputs:
    """Assemble what a build of `tables` reads: the lines that the base has not seen.

    Tables that grow also consist of their files of the base's release.
    """
    found = FeedInputs()
    for table in tables:
        assert table.feed is not None
        fresh = inventory[table.name].without(base.known(table.name)).files
        found.fresh[table.name] = [file.path for file in fresh]
        paths, longest = found.fresh[table.name], _longest(fresh)
        source = f"bronze.{table.bronze_name}"
        found.selects[f"{source}_lines"] = [lines_select(paths, longest)]
        if table.feed.fields:
            fields = fields_select(paths, table.feed.fields, longest)
            found.selects[f"{source}_fields"] = [fields]
        for name in feed_models(table):
            found.outputs[f"silver.{name}"] = run.folder("silver", name)
        if base.release is not None:
            for name in growing(table):
                released = base.release.tables[f"silver.{name}"]
                found.carried[f"silver.{name}"] = run.urls(released)
    return found


def growing(table: Table) -> list[str]:
    """Return the tables, built with `table`, to which a run adds rows; none is written anew."""
    assert table.feed is not None
    own = [beside.name for beside in table.feed.beside if beside.grows]
    return [*own, *([table.quarantine_name] if table.feed.fields else [])]


def _longest(files: Sequence[BronzeFile]) -> int:
    return max((int(dict(file.types).get("longest_line", 0)) for file in files), default=0)
