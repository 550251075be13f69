"""Results of computed tables in buckets: taken over by another machine, compared as they come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from blocks.lake import Lake
from tasks.bronze_inventory import BronzeTable
from tasks.changed_days import WHOLE
from tasks.mirror import Mirror
from tasks.published_files import describe_table
from tasks.run_state import RunState
from tasks.table_results import find_results, keep_result, keys_of, take_over
from tests.stores.conftest import Backend
from tests.unit.release_builder import STARTED, run_of
from tests.unit.test_table_results import MADE, NAME, SPEC


def state_of(lake: Lake, machine: Path, run_id: str) -> RunState:
    """A run on a machine of its own: nothing on its disk but what it fetches."""
    run = replace(
        run_of(SPEC, machine, run_id, STARTED.date()), lake=replace(lake, scratch=machine)
    )
    state = RunState(run)
    state.inventory = {table.name: BronzeTable(table.name, ()) for table in SPEC.tables}
    return state


def test_a_result_is_taken_over_by_another_machine_unless_its_bytes_are_others(
    object_backend: Backend, tmp_path: Path
) -> None:
    store, gold = (object_backend.open(object_backend.root()) for _ in range(2))
    lake = Lake(store, store, store, gold)
    first = state_of(lake, tmp_path / "a", "first")
    folder = first.run.folder("silver", "customers")
    pl.DataFrame({"customer_id": ["a", "b"]}).write_parquet(folder / "part-0.parquet")
    mirror: Mirror = first.run.mirror
    table = describe_table(mirror.store_of("silver"), "silver", first.run.prefix("customers"))
    first.run.send(table)
    keep_result(first, NAME, {NAME: table}, WHOLE, [], MADE)
    mirror.close()

    second = state_of(lake, tmp_path / "b", "second")
    second.results = find_results(second.run, keys_of(second, {}))
    result = take_over(second, NAME)
    assert result is not None
    assert result.tables == {NAME: table}
    assert Path(second.run.urls(table)[0]).is_file()
    assert store.exists("ecommerce/runs/first/_TAKEN_OVER_BY_second")
    second.run.mirror.close()

    file = table.files[0]
    store.write(file.path, b"x" * file.bytes)
    third = state_of(lake, tmp_path / "c", "third")
    third.results = find_results(third.run, keys_of(third, {}))
    assert take_over(third, NAME) is None
    third.run.mirror.close()
    store.delete([file.path])
    fourth = state_of(lake, tmp_path / "d", "fourth")
    assert find_results(fourth.run, keys_of(fourth, {})) == {}
