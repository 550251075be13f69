"""One behaviour for every backend: whole objects, one winner of a swap, streams, listings."""

from __future__ import annotations

import hashlib
import io
import random
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.store import Store, VersionConflictError
from blocks.stores import gcs_bucket, object_store, range_reader, s3_bucket
from tests.stores.conftest import Backend

# Larger than a part of a stream, and than what goes in one request of an upload.
LARGE = random.Random(1).randbytes(range_reader.PART_BYTES + 12_345)


def test_an_object_is_read_as_it_was_written(store: Store) -> None:
    assert not store.exists("a/b.json")
    store.write("a/b.json", b"\x00one")
    store.write("a/b.json", b"two")
    assert store.exists("a/b.json")
    assert store.read("a/b.json") == b"two"
    store.write("a/empty", b"")
    assert store.read("a/empty") == b""


@pytest.mark.parametrize("key", ["a b/c=1/ä+%2F.json", "x=__HIVE_DEFAULT_PARTITION__/p#1?.q"])
def test_any_character_may_stand_in_a_key(store: Store, key: str) -> None:
    store.write(key, b"1")
    assert store.read(key) == b"1"
    assert store.list(key.partition("/")[0]) == [key]
    store.delete([key])
    assert not store.exists(key)


def test_what_is_not_there_is_said_in_one_way(store: Store, tmp_path: Path) -> None:
    for read in (store.read, store.open_read, lambda key: store.download(key, tmp_path / "x")):
        with pytest.raises(FileNotFoundError, match=r"a/c\.json"):
            read("a/c.json")
    assert store.read_versioned("a/c.json") == (None, None)
    assert not store.exists("a/c.json")
    assert store.list("a") == []
    assert store.entries("") == []
    assert store.sizes(["a/c.json"]) == [None]
    assert list(tmp_path.glob("**/*x*")) == []


def test_a_folder_is_no_object(store: Store) -> None:
    store.write("a/b.json", b"")
    assert not store.exists("a")
    assert store.sizes(["a"]) == [None]


def test_list_gives_the_keys_below_a_folder(store: Store) -> None:
    for key in ("t/b/2", "t/b/1", "t/a", "tt/x", "u"):
        store.write(key, b"12")
    with store.exclusive("t/a"):
        assert store.list("t") == ["t/a", "t/b/1", "t/b/2"]
    assert store.list("t/") == ["t/a", "t/b/1", "t/b/2"]
    assert store.list("t/a") == ["t/a"]
    assert store.list("nothing") == []
    assert store.list("") == ["t/a", "t/b/1", "t/b/2", "tt/x", "u"]
    entries = store.entries("t")
    assert [(entry.key, entry.bytes) for entry in entries] == [
        (key, 2) for key in ("t/a", "t/b/1", "t/b/2")
    ]
    assert all(
        abs(datetime.now(UTC) - entry.modified_at) < timedelta(minutes=5) for entry in entries
    )
    assert store.sizes(["t/a", "t/none", "u"]) == [2, None, 2]


def test_long_listings_come_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (object_store, s3_bucket, gcs_bucket):
        monkeypatch.setattr(module, "PAGE", 10)
    keys = [f"k/{number:04}" for number in range(25)]
    for key in keys:
        store.write(key, b"")
    assert store.list("k") == keys
    store.delete([*keys, "k/none"])
    assert store.list("") == []
    store.delete(keys[:2])


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/hostname"])
def test_no_key_leaves_the_root(store: Store, key: str, tmp_path: Path) -> None:
    for use in (
        store.url,
        store.local_path,
        store.read,
        store.open_read,
        store.read_versioned,
        store.exists,
        store.list,
        lambda k: store.write(k, b""),
        lambda k: store.swap(k, b"", expected=None),
        lambda k: store.upload(Path(__file__), k),
        lambda k: store.download(k, tmp_path / "x"),
        lambda k: store.delete([k]),
        lambda k: store.sizes([k]),
    ):
        with pytest.raises(ValueError, match="leaves the store"):
            use(key)


def test_roots_of_one_bucket_do_not_see_each_other(backend: Backend) -> None:
    root = backend.root()
    inner, beside = backend.open(f"{root}/inner"), backend.open(f"{root}/inner2")
    inner.write("x", b"1")
    beside.write("x", b"2")
    assert inner.list("") == ["x"]
    assert backend.open(root).list("inner") == ["inner/x"]
    assert backend.open(root).read("inner2/x") == b"2"


def test_a_swap_needs_the_version_that_is_there(store: Store) -> None:
    assert store.read_versioned("pointer") == (None, None)
    first = store.swap("pointer", b"1", expected=None)
    assert store.read_versioned("pointer") == (b"1", first)
    second = store.swap("pointer", b"2", expected=first)
    for stale in (None, first, "nonsense"):
        with pytest.raises(VersionConflictError, match="pointer"):
            store.swap("pointer", b"3", expected=stale)
    assert store.read_versioned("pointer") == (b"2", second)
    with pytest.raises(VersionConflictError):
        store.swap("none", b"3", expected=second)
    assert not store.exists("none")


def test_a_swap_of_the_same_content_is_of_one_winner_too(store: Store) -> None:
    store.swap("claim", b"same", expected=None)
    with pytest.raises(VersionConflictError):
        store.swap("claim", b"same", expected=None)


def test_of_many_threads_that_swap_one_wins(backend: Backend) -> None:
    root = backend.root()
    version = backend.open(root).swap("pointer", b"start", expected=None)
    start = threading.Barrier(6)
    won: list[int] = []

    def swap(number: int) -> None:
        own = backend.open(root)
        start.wait()
        try:
            own.swap("pointer", str(number).encode(), expected=version)
            won.append(number)
        except VersionConflictError:
            pass

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = won
    assert backend.open(root).read("pointer") == str(winner).encode()


def test_files_go_and_come_whole(store: Store, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "new" / "target"
    for content in (b"", b"small", LARGE):
        source.write_bytes(content)
        store.upload(source, "t/file")
        assert store.sizes(["t/file"]) == [len(content)]
        store.download("t/file", target)
        assert target.read_bytes() == content
    assert source.read_bytes() == LARGE, "an upload leaves its file"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_large_object_is_read_piece_by_piece(store: Store) -> None:
    store.write("large", LARGE)
    with store.open_read("large") as opened:
        assert opened.read(10) == LARGE[:10]
        opened.seek(-7, io.SEEK_END)
        assert opened.read() == LARGE[-7:]
        opened.seek(range_reader.PART_BYTES - 3)
        assert opened.read(6) == LARGE[range_reader.PART_BYTES - 3 :][:6]
        assert opened.read(0) == b""
        opened.seek(0)
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        assert digest == hashlib.sha256(LARGE).hexdigest()
        opened.seek(len(LARGE) + 5)
        assert opened.read() == b""


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["write", "swap", "stale", "delete"]),
            st.sampled_from(["a", "a/b", "ab", "c/d/e"]),
            st.binary(max_size=20),
        ),
        max_size=8,
    )
)
def test_a_store_is_a_dictionary(backend: Backend, steps: list[tuple[str, str, bytes]]) -> None:
    """Whatever is done, a store holds what a dictionary would, and versions tell it apart."""
    store = backend.open(backend.root())
    model: dict[str, bytes] = {}
    for action, name, content in steps:
        key = name if backend.kind != "local" else f"{name}.x"  # no file where a folder is
        version = store.read_versioned(key)[1]
        assert (version is not None) == (key in model)
        if action == "write":
            store.write(key, content)
            model[key] = content
        elif action == "swap":
            store.swap(key, content, expected=version)
            model[key] = content
        elif action == "stale":
            with pytest.raises(VersionConflictError):
                store.swap(key, content, expected="0" if version is None else None)
        else:
            store.delete([key])
            model.pop(key, None)
    assert {key: store.read(key) for key in store.list("")} == model
    assert {e.key: e.bytes for e in store.entries("")} == {k: len(v) for k, v in model.items()}


def test_a_store_says_where_it_is_and_nothing_else(backend: Backend) -> None:
    root = backend.root()
    store = backend.open(root)
    assert store.url("a/b") == f"{root}/a/b"
    local = store.local_path("a/b")
    assert local == (Path(root) / "a" / "b" if backend.kind == "local" else None)
    assert root in repr(store)
    assert "http" not in repr(vars(store)), "no endpoint"
    assert "canary" not in repr(vars(store)).lower()
