"""Lakes on every backend are cleared up alike, also where all layers lie in one root."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

from blocks.lake import Lake
from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.maintenance import clear_up, look
from tasks.releases import list_releases, missing_files, publish, read_current, roll_back
from tasks.specs import load_spec
from tests.stores.conftest import Backend
from tests.stores.test_publish_races import lake_at

SPEC, LONG_AGO = load_spec("ecommerce"), datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def written(lake: Lake, run_id: str, name: str) -> PublishedFile:
    path, content = f"ecommerce/runs/{run_id}/orders/{name}.parquet", name.encode()
    lake.silver.write(path, content)
    digest = hashlib.sha256(content).hexdigest()
    return PublishedFile(root="silver", path=path, rows=1, bytes=len(content), sha256=digest)


def published(lake: Lake, run_id: str, *files: PublishedFile) -> None:
    base = read_current(lake, "ecommerce")
    number = (base.release or 0) + 1
    table = PublishedTable(rows=len(files), bytes=0, columns={}, files=files)
    release = Release(
        pipeline="ecommerce",
        release=number,
        previous=base.release,
        run_id=run_id,
        run_date=date(2024, 1, 1),
        created_at=LONG_AGO + number * DAY,
        spec_fingerprint="s",
        tables={"silver.orders": table},
    )
    publish(lake, release, base)


def test_what_no_retained_release_lists_goes_once_it_is_old(backend: Backend) -> None:
    lake = lake_at(backend.open(backend.root()))
    kept, dropped = (written(lake, "r1", name) for name in ("kept", "dropped"))
    published(lake, "r1", kept, dropped)
    published(lake, "r2", kept, written(lake, "r2", "new"))
    written(lake, "killed", "half")
    lake.control.write("ecommerce/_releases/9.json", b"{}")
    lake.control.write("ecommerce/_audit/r1.json", b"{}")
    now = datetime.now(UTC)
    young = look(lake, SPEC, now=now, grace=DAY)  # the first release is past its time
    assert [(r.kind, r.name) for r in young.removals] == [("release", "1")]
    done = clear_up(lake, SPEC, now=now + 2 * DAY, grace=DAY)
    assert [(r.kind, r.name) for r in done.removals] == [
        ("release", "1"),
        ("document", "9.json"),
        ("run", "killed"),
        ("run", "r1"),
    ]
    assert [release.release for release in list_releases(lake, "ecommerce")] == [2]
    assert missing_files(lake, list_releases(lake, "ecommerce")[0]) == []
    assert lake.silver.list("ecommerce/runs/") == [
        "ecommerce/runs/r1/orders/kept.parquet",
        "ecommerce/runs/r2/orders/new.parquet",
    ]
    assert lake.control.exists("ecommerce/_audit/r1.json")
    assert clear_up(lake, SPEC, now=now + 2 * DAY, grace=DAY).removals == ()


def test_a_rollback_can_be_rolled_back_after_clearing_up(backend: Backend) -> None:
    lake = lake_at(backend.open(backend.root()))
    for number in (1, 2):
        published(lake, f"r{number}", written(lake, f"r{number}", "rows"))
    roll_back(lake, "ecommerce", to=1, created_at=LONG_AGO + 3 * DAY)
    sweep = clear_up(lake, SPEC, now=datetime.now(UTC) + 2 * DAY, grace=DAY)
    assert (sweep.removals, sweep.retained) == ((), (1, 2, 3))
    assert roll_back(lake, "ecommerce", to=2, created_at=LONG_AGO + 4 * DAY).release == 4
