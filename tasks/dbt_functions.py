"""Functions of our own that SQL in the dbt process may call: `masked(text)`, and those on JSON.

Belongs here: registering them with DuckDB, as a plugin of dbt-duckdb. Does not belong here: what
they compute (`masking.py`, `json_functions.py`). The key comes with a build's request and never
stands in a file, a variable of dbt or SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt.adapters.duckdb.plugins import BasePlugin

from tasks import json_functions
from tasks.masking import masked

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HELD: dict[str, bytes] = {}


def hold_key(key: str | None) -> None:
    """Let `masked` use this key from now on; None: it fails."""
    _HELD.clear()
    if key is not None:
        _HELD["key"] = key.encode()


def _masked(value: str) -> str | None:
    if "key" not in _HELD:
        raise ValueError(
            "a table has a column that pii masks: list it under gold_columns of the pii entry, so "
            "that a run asks for the key"
        )
    return masked(value, _HELD["key"])


class Plugin(BasePlugin):
    """Registers the functions on each database that dbt opens."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Called by dbt-duckdb."""
        conn.create_function("masked", _masked, ["VARCHAR"], "VARCHAR")
        json_functions.register(conn)
