"""Files to land, and bronze of others, that lie in buckets: taken as those of a disk are."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.lake import local_lake
from blocks.lake_places import check_url
from blocks.settings import Settings, load_settings
from tasks.contracts.errors import ConfigurationError, IngestError
from tasks.fetched_sources import source_on_disk
from tests.integration.landing_shop import SALES, land_all, landed_rows, write_rows
from tests.stores.conftest import Backend
from tests.stores.lakes import environment

GOODS = [{"good_id": n, "category": f"c{n % 3}"} for n in range(9)]


@pytest.fixture
def settings(object_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An environment whose lake lies in buckets, and whose credentials open other ones, too."""
    folder = tmp_path / "environments"
    variables = environment(object_backend, folder, "buckets")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return load_settings("buckets", variables=variables, folder=folder)


@pytest.fixture
def exports(object_backend: Backend, tmp_path: Path) -> str:
    """The URL of a folder of exports: two tables, and files that are none."""
    root = object_backend.root("exports")
    store = object_backend.open(root)
    write_rows(tmp_path / "sales.csv", SALES)
    write_rows(tmp_path / "part-1.jsonl.gz", GOODS, "goods")
    store.upload(tmp_path / "sales.csv", "sales.csv")
    store.upload(tmp_path / "part-1.jsonl.gz", "goods/part-1.jsonl.gz")
    for key in ("_SUCCESS", ".hidden/sales.csv", "goods/_tmp/half.csv", "notes.txt"):
        store.write(key, b"none of them")
    return root


def test_a_source_in_a_bucket_lands_as_the_same_folder_does(
    settings: Settings, exports: str, tmp_path: Path
) -> None:
    local, folder = local_lake(tmp_path / "lake"), tmp_path / "source"
    write_rows(folder / "sales.csv", SALES)
    write_rows(folder / "goods/part-1.jsonl.gz", GOODS, "goods")
    expected = land_all(local.bronze, folder)
    again = local_lake(tmp_path / "other")
    with source_on_disk(exports, settings.lake(), settings.store_at) as path:
        assert (path.name, path.parent.name) == ("prefix", "some")
        kept = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        assert kept == ["goods/part-1.jsonl.gz", "notes.txt", "sales.csv"]
        assert land_all(again.bronze, path) == expected
    for table in ("sales", "goods"):
        assert landed_rows(again.bronze, table) == landed_rows(local.bronze, table)
    assert not path.exists()
    assert not list((settings.lake().own_scratch() / "sources").iterdir())


def test_one_object_and_chosen_files_are_sources_too(settings: Settings, exports: str) -> None:
    lake = settings.lake()
    with source_on_disk(f"{exports}/sales.csv", lake, settings.store_at) as path:
        assert path.is_file()
    chosen = ["goods/part-1.jsonl.gz"]
    with source_on_disk(f"{exports}/", lake, settings.store_at, chosen) as path:
        assert [p.name for p in path.rglob("*") if p.is_file()] == ["part-1.jsonl.gz"]
    with source_on_disk(f"{exports}/goods", lake, settings.store_at) as path:
        assert path.name == "goods"
    with pytest.raises(IngestError, match=f"{exports}/none: there is no such file or folder"):
        enter(settings, f"{exports}/none")
    with pytest.raises(IngestError, match=r"a file is gone|sales\.json"):
        enter(settings, exports, ["sales.json"])
    with pytest.raises(IngestError, match="lies outside of the source"):
        enter(settings, exports, ["../sales.csv"])


def enter(settings: Settings, url: str, files: list[str] | None = None) -> None:
    with source_on_disk(url, settings.lake(), settings.store_at, files):
        pass


def test_what_is_wrong_with_a_source_is_told_with_its_url(settings: Settings, exports: str) -> None:
    with (
        pytest.raises(IngestError) as caught,
        source_on_disk(exports, settings.lake(), settings.store_at) as path,
    ):
        raise IngestError(f"{path}: no file to land")
    assert str(caught.value) == f"{exports}: no file to land"


@pytest.mark.parametrize(
    "url", ["http://bucket/x", "s3://key:secret@bucket/x", "gs://bucket/x?y", "s3:///x"]
)
def test_a_url_that_is_none_of_a_bucket_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_url("--source", url)
    assert str(caught.value).startswith("--source: must be a path, or look like s3://")
    assert url not in str(caught.value)
