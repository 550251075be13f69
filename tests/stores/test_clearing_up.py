"""Lakes on every backend are cleared up alike, also where all layers lie in one root."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

from blocks.lake import Lake
from blocks.store import Store
from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.maintenance import clear_up, look
from tasks.releases import list_releases, missing_files, publish, read_current, roll_back
from tasks.specs import load_spec
from tests.stores.conftest import Backend
from tests.stores.proxy import Call, Proxy, Reply
from tests.stores.servers import s3_client
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


class KeepingProxy(Proxy):
    """A stand-in for versions of objects in GCS, which its emulator has none of.

    It keeps what the server tells of an object before another is uploaded in its place or it is
    deleted, lists that as Google does (`versions=true`), and forgets one by its `generation`.
    """

    def __init__(self, server: str) -> None:
        super().__init__(server)
        self.kept: list[dict] = []

    def answer(self, call: Call) -> Reply | None:
        place = urlsplit(call.target)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        name = (
            unquote(place.path.rpartition("/o/")[2]) if "/o/" in place.path else asked.get("name")
        )
        if "generation" in asked and call.method == "DELETE":
            self.kept = [
                o for o in self.kept if (o["name"], o["generation"]) != (name, asked["generation"])
            ]
            return Reply(204, {}, b"")
        if call.method in ("POST", "DELETE"):
            if name is None:
                name = json.loads(call.body.split(b"\r\n\r\n")[1].split(b"\r\n")[0])["name"]
            bucket = place.path.partition("/b/")[2].partition("/")[0]
            path = f"/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}"
            before = self.forward(Call("GET", path, {}, b""))
            if before.status == 200:
                gone = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
                self.kept.append({**json.loads(before.body), "timeDeleted": gone})
        reply = self.forward(call)
        if "versions" in asked:
            listed = json.loads(reply.body)
            own = [item for item in self.kept if item["name"].startswith(asked["prefix"])]
            listed["items"] = [*listed.get("items", []), *own]
            reply.body = json.dumps(listed).encode()
        return reply


def test_old_versions_of_bronze_go_and_never_the_current_one(object_backend: Backend) -> None:
    root = object_backend.root()
    if object_backend.kind == "s3":
        bucket = root.split("/")[2]
        enabled = {"Status": "Enabled"}
        s3_client(object_backend.server or "").put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration=enabled
        )
        _old_versions_go(lake_at(object_backend.open(root)))
        return
    with KeepingProxy(object_backend.server or "").serving() as address:
        _old_versions_go(lake_at(object_backend.open(root, server=address)))


def _old_versions_go(lake: Lake) -> None:
    kept, gone = "ecommerce/orders/ingest_dt=2024-01-01/a.parquet", "ecommerce/orders/b.parquet"
    for content in (b"one", b"two", b"three"):
        lake.bronze.write(kept, content)
        lake.bronze.write("ecommerce/_releases/other.json", content)
    lake.bronze.write(gone, b"gone")
    lake.bronze.delete([gone])
    now = datetime.now(UTC)

    def versions(at: datetime) -> list[str]:
        removals = clear_up(lake, SPEC, now=at, grace=DAY).removals
        return sorted(removal.name for removal in removals if removal.kind == "version")

    assert versions(now + 89 * DAY) == []
    assert versions(now + 91 * DAY) == [gone, kept, kept]
    assert versions(now + 91 * DAY) == []
    assert lake.bronze.read(kept) == b"three"
    assert not lake.bronze.exists(gone)


def test_folders_keep_no_versions(store: Store) -> None:
    store.write("a/b", b"1")
    store.write("a/b", b"2")
    assert list(store.old_versions("a/")) == []
    store.delete_versions([])
    assert store.read("a/b") == b"2"
