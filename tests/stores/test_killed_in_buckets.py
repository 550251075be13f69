"""A process that is killed while it publishes to a bucket: the old release stays, and nothing of it
is left on the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blocks.lake import Lake
from blocks.stores.local import LocalStore
from tasks.mirror import Mirror, passing_mirror
from tasks.releases import list_releases, publish, read_current, read_release
from tasks.scratch_folders import claim, sweep
from tests.stores.conftest import KEY_ID, SECRET, Backend
from tests.unit.test_releases import draft

ROOT = Path(__file__).parents[2]
PUBLISH = """
import os, signal, sys
from pathlib import Path
from pydantic import SecretStr
from blocks.lake import Lake
from blocks.stores.opening import open_store
from tasks.mirror import Mirror
from tasks.releases import publish, read_current, read_release
from tests.unit.test_releases import draft

kind, root, endpoint, key, secret, scratch, moment = sys.argv[1:]
access = {"endpoint": endpoint}
if kind == "s3":
    access |= {"access_key_id": SecretStr(key), "secret_access_key": SecretStr(secret)}
store = open_store(root, **access)

class Dying:
    def __getattr__(self, name):
        return getattr(store, name)

    def swap(self, key, content, *, expected):
        last = key.endswith("_latest.json")
        if last and moment == "before the swap":
            os.kill(os.getpid(), signal.SIGKILL)
        store.swap(key, content, expected=expected)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

lake = Lake(Dying(), store, store, store, scratch=Path(scratch))
table = read_release(lake, "shop").tables["silver.orders"]
mirror = Mirror(lake, lake.scratch / "runs" / "killed")
assert Path(mirror.paths(table.files)[0]).is_file()
base = read_current(lake, "shop")
publish(lake, draft(lake, base, run_id="killed"), base)
"""


@pytest.mark.parametrize(("moment", "shown"), [("before the swap", 1), ("after the swap", 2)])
def test_a_publisher_killed_at_the_swap_shows_the_old_release_or_the_new_one(
    object_backend: Backend, tmp_path: Path, moment: str, shown: int
) -> None:
    root = object_backend.root()
    store = object_backend.open(root)
    lake = Lake(store, store, store, store, scratch=tmp_path / "scratch")
    base = read_current(lake, "shop")
    publish(lake, draft(lake, base, run_id="first"), base)
    given = [object_backend.kind, root, f"http://{object_backend.server}", KEY_ID, SECRET]
    died = subprocess.run(
        [sys.executable, "-c", PUBLISH, *given, str(lake.scratch), moment],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert read_release(lake, "shop").release == shown
    runs = ["first", "killed"][:shown]
    assert [release.run_id for release in list_releases(lake, "shop")] == runs
    assert (lake.scratch / "runs" / "killed").is_dir()

    base = read_current(lake, "shop")
    release = publish(lake, draft(lake, base, run_id="next"), base)
    assert [r.run_id for r in list_releases(lake, "shop")] == [*runs, "next"]
    mirror = Mirror(lake, lake.scratch / "runs" / "next")
    mirror.paths(release.tables["silver.orders"].files)
    assert [path.name for path in (lake.scratch / "runs").iterdir()] == ["next"]
    mirror.close()
    assert list((lake.scratch / "runs").iterdir()) == []


def test_a_sweep_leaves_what_is_claimed_and_what_was_never(tmp_path: Path) -> None:
    mine, never, left = (tmp_path / name for name in ("mine", "never", "left"))
    held = claim(mine)
    never.mkdir()
    claim(left).close()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "never"]
    held.close()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["never"]


def test_a_lake_of_folders_is_read_in_place(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "lake")
    lake = Lake(store, store, store, store, scratch=tmp_path / "scratch")
    base = read_current(lake, "shop")
    release = publish(lake, draft(lake, base), base)
    files = release.tables["silver.orders"].files
    with passing_mirror(lake) as mirror:
        assert mirror.paths(files) == [store.url(files[0].path)]
        mirror.send(files)
        assert mirror.store_of("enriched") is store
    assert store.exists(files[0].path)
    assert not (tmp_path / "scratch").exists()


def test_a_scratch_folder_of_somebody_else_is_refused(
    object_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = object_backend.open(object_backend.root())
    lake = Lake(store, store, store, store, scratch=tmp_path / "scratch")
    lake.own_scratch()
    assert (tmp_path / "scratch").stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with pytest.raises(Exception, match="belongs to somebody else"):
        lake.dbt_cache  # noqa: B018 - to ask for it is to make it
