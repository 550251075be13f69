"""Many writers add records at once, while others seal what there is: nothing is lost or torn."""

import functools
import json
import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blocks.stores.local import LocalStore
from tasks.contracts.manifest import Manifest
from tasks.contracts.spec import Table
from tasks.feed_appending import LOG, append_records, has_open_log, seal_logs
from tasks.feed_lines import LineOrigin
from tasks.json_records import records_of
from tasks.specs import load_spec

DAY = date(2026, 1, 8)
MOMENT = "2026-01-08T00:00:00+00:00"
WRITERS, EVENTS = 8, 1000


@functools.cache
def events() -> Table:
    return load_spec("coordination").table("validated_lineage")


def add(store: LocalStore, *records: dict[str, Any]) -> None:
    text = "\n".join(json.dumps(record) for record in records)
    origin = LineOrigin("appended", DAY, "event_type")
    found = list(records_of([text], "events"))
    append_records(store, "coordination/", events(), found, origin, moment=MOMENT)


def write_many(root: Path, writer: int) -> None:
    store = LocalStore(root)
    for number in range(EVENTS):
        # Long lines are what a torn write would show in.
        add(store, {"event_type": "started", "task_id": f"{writer}-{number}", "pad": "x" * 700})


def sealed_lines(root: Path) -> list[dict[str, Any]]:
    """What a run sees: the lines of the files that manifests list."""
    found = []
    for path in root.rglob("_MANIFEST.json"):
        manifest = Manifest.model_validate_json(path.read_bytes())
        for entry in manifest.files:
            lines = (path.parent / entry.path).read_text().splitlines()
            assert len(lines) == entry.rows
            found += [json.loads(line) for line in lines]
    return found


def test_eight_writers_lose_and_tear_nothing_while_logs_are_sealed(tmp_path: Path) -> None:
    events()
    # Not forked from here: of what other tests have started threads would be missing.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    writers = [context.Process(target=write_many, args=(tmp_path, n)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    store = LocalStore(tmp_path)
    while any(writer.is_alive() for writer in writers):
        seal_logs(store, "coordination/", events(), moment=MOMENT)
        writers[0].join(0.2)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    seal_logs(store, "coordination/", events(), moment=MOMENT)
    found = sorted(line["task_id"] for line in sealed_lines(tmp_path))
    assert found == sorted(f"{w}-{n}" for w in range(WRITERS) for n in range(EVENTS))
    assert not has_open_log(store, "coordination/", events())


def test_what_a_writer_that_died_has_left_of_a_line_is_no_record(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    add(store, {"event_type": "a", "task_id": "1"})
    (log,) = tmp_path.rglob(LOG)
    with log.open("ab") as file:
        file.write(b'{"event_type": "a", "task')
    add(store, {"event_type": "a", "task_id": "2"})
    with log.open("ab") as file:
        file.write(b"{" * 100_000)
    assert seal_logs(store, "coordination/", events(), moment=MOMENT) == 1
    assert [line["task_id"] for line in sealed_lines(tmp_path)] == ["1", "2"]


def test_sealing_that_died_half_way_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    add(store, {"event_type": "a", "task_id": "1"}, {"event_type": "b", "task_id": "2"})

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("tasks.feed_appending.write_record", die)
        with pytest.raises(KeyboardInterrupt):
            seal_logs(store, "coordination/", events(), moment=MOMENT)
    add(store, {"event_type": "a", "task_id": "3"})
    seal_logs(store, "coordination/", events(), moment=MOMENT)
    assert sorted(line["task_id"] for line in sealed_lines(tmp_path)) == ["1", "2", "3"]
    assert seal_logs(store, "coordination/", events(), moment=MOMENT) == 0


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    add(store, {"event_type": "a", "task_id": "1"})
    write = os.write

    def fill(descriptor: int, content: bytes) -> int:
        write(descriptor, content[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("tasks.feed_appending.os.write", fill)
        with pytest.raises(OSError, match="No space"):
            add(store, {"event_type": "a", "task_id": "2"})
    (log,) = tmp_path.rglob(LOG)
    assert [json.loads(line)["task_id"] for line in log.read_text().splitlines()] == ["1"]
