"""Adding single records where nothing can be appended to: each call is a batch, none is lost."""

from __future__ import annotations

import json
import threading
from datetime import date

from tasks.contracts.manifest import Manifest
from tasks.feed_appending import append_records, has_open_log, seal_logs
from tasks.feed_lines import LineOrigin
from tasks.json_records import records_of
from tasks.specs import load_spec
from tests.stores.conftest import Backend

WRITERS, EVENTS = 3, 4
MOMENT = "2026-01-08T00:00:00+00:00"


def test_writers_lose_nothing_in_a_bucket(object_backend: Backend) -> None:
    store = object_backend.open(object_backend.root())
    table = load_spec("coordination").table("validated_lineage")
    origin = LineOrigin("appended", date(2026, 1, 8), "event_type")

    def write(writer: int) -> None:
        for number in range(EVENTS):
            text = json.dumps({"event_type": "a", "task_id": f"{writer}-{number}"})
            records = list(records_of([text], "events"))
            append_records(store, "coordination/", table, records, origin, moment=MOMENT)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not has_open_log(store, "coordination/", table)
    assert seal_logs(store, "coordination/", table, moment=MOMENT) == 0
    folder = "coordination/events/a/ingested_at=2026-01-08"
    listed = Manifest.model_validate_json(store.read(f"{folder}/_MANIFEST.json")).files
    found = [json.loads(store.read(f"{folder}/{file.path}"))["task_id"] for file in listed]
    assert sorted(found) == sorted(f"{w}-{n}" for w in range(WRITERS) for n in range(EVENTS))
