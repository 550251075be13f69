"""A folder that follows gold of a lake, in a folder or in buckets, as Cube reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.lake import local_lake
from blocks.settings import load_settings
from cli.cube_server import follower, served_roots
from cli.gold_copies import copy_gold
from tasks.releases import missing_files, read_release
from tests.semantic.gold_releases import publish_gold
from tests.stores.conftest import Backend
from tests.stores.lakes import environment


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A lake of one release of coordination, in a folder."""
    publish_gold(tmp_path / "lake", "coordination", seed=1)
    return tmp_path / "lake"


def shown(folder: Path) -> tuple[int, set[str], set[str]]:
    """The release of a copy, its listed files and those that lie there."""
    copy = local_lake(folder)
    release = read_release(copy, "coordination")
    assert missing_files(copy, release) == []
    listed = {file.path for table in release.tables.values() for file in table.files}
    return release.release, listed, {*copy.gold.list("coordination")}


def test_a_copy_follows_and_forgets_what_is_gone(published: Path, tmp_path: Path) -> None:
    lake, folder = local_lake(published), tmp_path / "copy"
    assert copy_gold(lake, folder, ["coordination", "retail"]) == ["coordination"]
    assert copy_gold(lake, folder, ["coordination", "retail"]) == []
    number, first, there = shown(folder)
    assert (number, there) == (1, first)
    publish_gold(published, "coordination", seed=2)
    copy_gold(lake, folder, ["coordination"])
    number, second, there = shown(folder)
    assert (number, there) == (2, first | second)  # of those that still read the first
    copy_gold(lake, folder, ["coordination"])
    assert shown(folder)[2] == second


def test_a_copy_that_was_broken_off_shows_what_it_did(published: Path, tmp_path: Path) -> None:
    lake, folder = local_lake(published), tmp_path / "copy"
    copy_gold(lake, folder, ["coordination"])
    publish_gold(published, "coordination", seed=2)
    files = read_release(lake, "coordination").tables["gold.kpis"].files
    gone = Path(str(lake.gold.local_path(files[-1].path)))
    kept = gone.rename(gone.with_suffix(".away"))
    with pytest.raises(OSError, match=gone.name):
        copy_gold(lake, folder, ["coordination"])
    assert shown(folder)[0] == 1
    kept.rename(gone)
    copy_gold(lake, folder, ["coordination"])
    assert shown(folder)[0] == 2


def test_gold_of_buckets_is_copied(
    object_backend: Backend, published: Path, tmp_path: Path
) -> None:
    variables = environment(object_backend, tmp_path / "environments", "shop")
    settings = load_settings("shop", variables=variables, folder=tmp_path / "environments")
    lake = settings.lake()
    for store, folder in ((lake.gold, published / "gold"), (lake.control, published)):
        for file in sorted(folder.rglob("coordination/**/*")):
            if file.is_file() and ("gold" in file.parts) == (store is lake.gold):
                store.upload(file, file.relative_to(folder).as_posix())
    roots = served_roots(settings, tmp_path / "copy")
    again = follower(settings, roots)
    assert again is not None
    number, listed, there = shown(tmp_path / "copy")
    assert (number, there) == (1, listed)
    assert again() == []


def test_a_lake_in_folders_is_read_in_place(published: Path, tmp_path: Path) -> None:
    settings = load_settings("local", variables={}, lake_root=published)
    assert follower(settings, served_roots(settings, tmp_path / "copy")) is None
