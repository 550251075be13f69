"""Results of computed tables, kept in the lake for a run that is tried again.

Belongs here: writing a result once its table is whole, finding results by their keys, and taking
them over. Does not belong here: the keys (`result_keys.py`), or how long results are kept
(`retention.py`).

A result is a small document beside the folders of the runs, written when all files of its table
are where they can be published from. Who takes it over renews it and marks the folder of the run
that wrote it, so that clearing up leaves both alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from blocks.lake import Lake
from tasks.contracts.changes import TableChange
from tasks.contracts.errors import ReleaseError
from tasks.contracts.release import PublishedFile, PublishedTable
from tasks.contracts.run_record import GateResult
from tasks.contracts.table_result import TableResult
from tasks.masking import key_fingerprint
from tasks.result_keys import result_keys
from tasks.run_context import RunContext
from tasks.run_state import RunState
from tasks.silver import SilverBuild

_LAYERS = ("silver", "gold")


def keys_of(
    state: RunState, snapshots: Mapping[str, PublishedTable], arriving: Iterable[str] = ()
) -> dict[str, str]:
    """Return the keys of the tables that a run whose base is settled computes."""
    run, mask = state.run, state.run.mask_key
    return result_keys(
        run.spec,
        state.base,
        state.inventory,
        snapshots,
        logic=replace(run.logic, gold=f"{run.logic.gold} {run.masked_by or ''}"),
        run_date=run.run_date,
        as_of=run.as_of,
        bronze=run.lake.bronze.url("") if run.lake.foreign_bronze else "",
        mask=key_fingerprint(mask.get_secret_value().encode()) if mask is not None else None,
        arriving=frozenset(arriving),
    )


def find_results(run: RunContext, keys: Mapping[str, str]) -> dict[str, TableResult]:
    """Return by table the results of `keys` whose files are all there."""
    found: dict[str, TableResult] = {}
    for layer in _LAYERS:
        wanted = {name: key for name, key in keys.items() if _layer(name) == layer}
        store = run.lake.store_of(layer)
        prefix = run.lake.result_key(run.pipeline, "").rpartition("/")[0] + "/"
        present = set(store.list(prefix)) if wanted else set()
        for name, key in wanted.items():
            place = run.lake.result_key(run.pipeline, key)
            result = _read(run.lake, layer, place) if place in present else None
            if result is None or (result.table, result.key) != (name, key):
                continue
            if not _absent(run.lake, _files(result)):
                found[name] = result
    return found


def take_over(state: RunState, table: str) -> TableResult | None:
    """Return the result that the plan counts on for `table`, if it still is one and whole.

    What this run computes instead of a result that is not, is what the result should have been.
    """
    run, result = state.run, state.results.get(table)
    if result is None or _key(state, table) != result.key:
        return None
    store = run.lake.store_of(_layer(table))
    if result.run_id not in {other.run_id for other in state.reused.values()}:
        folder = run.lake.run_prefix(run.pipeline, result.run_id)
        store.write(f"{folder}/_TAKEN_OVER_BY_{run.run_id}", b"")
    store.write(run.lake.result_key(run.pipeline, result.key), _content(result))
    if not _is_whole(run, result):
        state.tell(f"{table}: the result of run {result.run_id} is damaged; computed anew")
        return None
    state.reused[table] = result
    state.tell(f"{table}: took over the result of run {result.run_id}")
    return result


def keep_result(
    state: RunState,
    table: str,
    tables: Mapping[str, PublishedTable],
    change: TableChange,
    gates: Iterable[GateResult],
    made: SilverBuild | None = None,
) -> None:
    """Keep the result of a table that this run has computed, unless a check stops the run.

    Its files are where they are published from. `made` tells how rows of silver were judged.
    """
    run, key = state.run, _key(state, table)
    if key is None or state.kept(table) is not None or table in state.reused:
        return
    if any(gate.status == "fail" for gate in gates):
        return
    bare = table.partition(".")[2]
    touched = made.touched.get(bare) if made is not None else None
    rewritten = made.rewritten.get(bare) if made is not None else None
    result = TableResult(
        key=key,
        table=table,
        run_id=run.run_id,
        tables=dict(tables),
        changed_whole=change.whole,
        changed_dates=tuple(sorted(change.dates)),
        counts=made.counts[bare] if made is not None else None,
        touched=tuple(sorted(touched)) if touched is not None else None,
        rewritten=tuple(sorted(rewritten)) if rewritten is not None else None,
    )
    place = run.lake.result_key(run.pipeline, key)
    run.lake.store_of(_layer(table)).write(place, _content(result))


def build_of(result: TableResult) -> SilverBuild:
    """Return the silver build that a result is of; the time that it took is its run's."""
    assert result.counts is not None, "a result of silver tells how rows were judged"
    name = result.table.partition(".")[2]
    return SilverBuild(
        {name: result.counts},
        {} if result.touched is None else {name: frozenset(result.touched)},
        {} if result.rewritten is None else {name: frozenset(result.rewritten)},
    )


def cleared_away(state: RunState) -> list[PublishedFile]:
    """Return the files of results taken over that are not there any more."""
    return _absent(state.run.lake, [f for r in state.reused.values() for f in _files(r)])


def _key(state: RunState, table: str) -> str | None:
    """The key of `table` by the snapshots that the run uses by now."""
    so_far = list(state.tables.items())  # other steps add theirs meanwhile
    snapshots = {name: table for name, table in so_far if name.startswith("dims.")}
    for known, keys in state.keys:
        if known == snapshots:
            return keys.get(table)
    keys = keys_of(state, snapshots)
    state.keys.append((snapshots, keys))
    return keys.get(table)


def _layer(table: str) -> str:
    return "gold" if table.startswith("gold.") else "silver"


def _files(result: TableResult) -> list[PublishedFile]:
    return [file for table in result.tables.values() for file in table.files]


def _content(result: TableResult) -> bytes:
    return result.model_dump_json(indent=1).encode()


def _read(lake: Lake, layer: str, place: str) -> TableResult | None:
    """Read a result; one of another version, or that cannot be read, is none."""
    try:
        return TableResult.model_validate_json(lake.store_of(layer).read(place))
    except (FileNotFoundError, ValidationError):
        return None


def _absent(lake: Lake, files: Iterable[PublishedFile]) -> list[PublishedFile]:
    """Return the files that are not there, or not of their size."""
    wanted = list(files)
    absent = []
    for root in sorted({file.root for file in wanted}):
        of_root = [file for file in wanted if file.root == root]
        sizes = lake.store_of(root).sizes([file.path for file in of_root])
        absent += [f for f, size in zip(of_root, sizes, strict=True) if size != f.bytes]
    return absent


def _is_whole(run: RunContext, result: TableResult) -> bool:
    """Tell whether all files are there, and those of the result's run have their bytes.

    A machine that went down may have left others. The files of the base are as they always are.
    """
    if _absent(run.lake, _files(result)):
        return False
    prefix = f"{run.lake.run_prefix(run.pipeline, result.run_id)}/"
    own = [file for file in _files(result) if file.path.startswith(prefix)]
    try:
        paths = run.paths(own)  # from an object store they come compared with their hashes
    except ReleaseError:
        return False
    return all(
        run.lake.store_of(file.root).local_path(file.path) is None or _sha256(path) == file.sha256
        for file, path in zip(own, paths, strict=True)
    )


def _sha256(path: str) -> str:
    with Path(path).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
