"""The store: whole objects, one winner of a swap, locks that die with their holder.

The suite is written against the interface; `stores` is where another backend joins it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from blocks.store import Store, VersionConflictError
from blocks.stores import local as store_module
from blocks.stores.local import LocalStore

HOLD = """
import sys, time
from pathlib import Path
from blocks.stores.local import LocalStore
with LocalStore(Path(sys.argv[1])).exclusive("a/pointer"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "root")


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/hostname"])
def test_no_key_leaves_the_root(tmp_path: Path, key: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    store = LocalStore(tmp_path / "root")
    for use in (
        store.url,
        store.read,
        store.read_versioned,
        store.exists,
        store.list,
        lambda k: store.write(k, b""),
        lambda k: store.swap(k, b"", expected=None),
    ):
        with pytest.raises(ValueError, match="leaves the store"):
            use(key)
    assert [p.name for p in (tmp_path / "outside").iterdir()] == ["secret"]


def test_a_link_out_of_the_root_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="leaves the store"):
        LocalStore(tmp_path / "root").write("link/x", b"")


def test_a_folder_that_is_known_lets_no_key_out_of_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "root")
    store.write("a/x", b"1")
    (tmp_path / "outside").write_text("x")
    (tmp_path / "root" / "a" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "back").symlink_to(tmp_path / "root" / "a")
    assert store.read("../back/x") == b"1"  # ends below the root, whichever way it takes
    for key in ("a/link", "../outside", "a/../..", "a/../../outside"):
        with pytest.raises(ValueError, match="leaves the store"):
            store.read(key)


def test_a_folder_that_goes_while_it_is_listed_has_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, scan = LocalStore(tmp_path), os.scandir
    for key in ("table/a/x", "table/going/x", "table/z/x"):
        store.write(key, b"1")

    def scandir(path: str | Path) -> object:
        if Path(path).name == "going":
            (Path(path) / "x").unlink()
            Path(path).rmdir()
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert store.list("table") == ["table/a/x", "table/z/x"]


def test_a_write_that_fails_leaves_the_old_object_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.write("pointer", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.write("pointer", b"new")
    assert store.read("pointer") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["pointer"]


def test_a_write_is_on_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    synced, renamed = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        order.append("folder" if is_folder else "file")
        synced(descriptor)

    def replace(self: Path, target: Path) -> Path:
        order.append("rename")
        return renamed(self, target)

    monkeypatch.setattr(store_module.os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    LocalStore(tmp_path).write("pointer", b"new")
    assert order == ["file", "rename", "folder"]


def test_readers_see_the_old_object_or_the_new_one(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    contents = {b"a" * 300_000, b"b" * 300_000}
    store.write("pointer", b"a" * 300_000)
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(store.read("pointer"))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(20):
            for content in sorted(contents):
                store.write("pointer", content)
    finally:
        done.set()
        reader.join()
    assert seen <= contents


def _try_to_swap(root: str, number: int, version: str | None, results: object) -> None:
    try:
        LocalStore(Path(root)).swap("pointer", str(number).encode(), expected=version)
        results.put(number)  # type: ignore[attr-defined]
    except VersionConflictError:
        results.put(None)  # type: ignore[attr-defined]


def test_of_many_processes_that_swap_one_wins(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    version = LocalStore(tmp_path).swap("pointer", b"start", expected=None)
    processes = [
        context.Process(target=_try_to_swap, args=(str(tmp_path), n, version, results))
        for n in range(8)
    ]
    for process in processes:
        process.start()
    outcomes = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    (winner,) = [number for number in outcomes if number is not None]
    assert LocalStore(tmp_path).read("pointer") == str(winner).encode()


def test_the_holder_of_a_lock_may_swap_and_lock_again(store: Store) -> None:
    with store.exclusive("pointer"), store.exclusive("pointer"):
        store.swap("pointer", b"1", expected=None)
    store.swap("pointer", b"2", expected=store.read_versioned("pointer")[1])


def test_a_lock_is_of_one_key(store: Store) -> None:
    with store.exclusive("pointer"), store.exclusive("other"):
        store.write("other", b"")
    assert store.exists("other")


def test_another_thread_waits_for_the_lock(store: Store) -> None:
    entered = threading.Event()

    def enter() -> None:
        with store.exclusive("pointer"):
            entered.set()

    other = threading.Thread(target=enter)
    with store.exclusive("pointer"):
        other.start()
        assert not entered.wait(0.2)
    assert entered.wait(10)
    other.join()


def test_a_lock_is_free_after_an_error(store: Store) -> None:
    with pytest.raises(RuntimeError), store.exclusive("pointer"):
        raise RuntimeError
    test_another_thread_waits_for_the_lock(store)


def test_a_killed_process_lets_go_of_its_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        entered = threading.Event()
        began = time.monotonic()

        def enter() -> None:
            with LocalStore(tmp_path).exclusive("a/pointer"):
                entered.set()

        waiting = threading.Thread(target=enter)
        waiting.start()
        try:
            assert not entered.wait(0.3)
            holder.send_signal(signal.SIGKILL)
            assert entered.wait(10)
            assert time.monotonic() - began < 30
        finally:
            holder.kill()
            waiting.join()


def test_a_store_says_where_it_is(tmp_path: Path) -> None:
    assert repr(LocalStore(tmp_path)) == f"LocalStore('{tmp_path}')"
