"""Two publishers race on every backend: history is linear, and each loser learns that it lost."""

from __future__ import annotations

import contextlib
import threading

from blocks.lake import Lake
from blocks.store import Store
from blocks.stores.local import LocalStore
from tasks.contracts.errors import PublishConflictError, ReleaseError
from tasks.releases import list_releases, publish, read_current, read_release
from tests.stores.conftest import Backend
from tests.unit.test_releases import draft

ROUNDS = 200


def lake_at(store: Store) -> Lake:
    return Lake(store, store, store, store)


class Racer(threading.Thread):
    """Publishes once a round on what it saw, beside the other; `won` are its releases."""

    def __init__(self, name: str, lake: Lake, start: threading.Barrier) -> None:
        super().__init__(name=name)
        self.lake = lake
        self.begin = start
        self.won: list[int] = []
        self.lost = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for number in range(ROUNDS):
                base = read_current(self.lake, "shop")
                release = draft(self.lake, base, run_id=f"{self.name}-{number}")
                self.begin.wait(60)
                try:
                    self.won.append(publish(self.lake, release, base).release)
                except PublishConflictError:
                    self.lost += 1
                if self.name == "a" and number % 10 == 0:
                    assert read_release(self.lake, "shop").release > (base.release or 0)
                self.begin.wait(60)
        except BaseException as error:
            self.failure = error
            self.begin.abort()


def test_two_publishers_racing_give_a_linear_history(backend: Backend) -> None:
    root = backend.root()
    start = threading.Barrier(2)
    files = LocalStore(backend.folder / "files")
    lakes = [Lake(backend.open(root), files, files, files) for _ in range(2)]
    racers = [Racer(name, lake, start) for name, lake in zip("ab", lakes, strict=True)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    for racer in racers:
        if racer.failure is not None:
            raise racer.failure
    one, two = racers
    assert one.lost + two.lost == ROUNDS
    assert sorted(one.won + two.won) == list(range(1, ROUNDS + 1))
    lake = lakes[0]
    history = list_releases(lake, "shop")
    assert [release.release for release in history] == list(range(1, ROUNDS + 1))
    assert [release.previous for release in history] == [None, *range(1, ROUNDS)]
    shown = {"a": one, "b": two}
    assert all(r.release in shown[r.run_id.partition("-")[0]].won for r in history)
    left = [key for key in lake.control.list("shop/_releases") if key.count(".") > 1]
    assert left == [], "no document of a loser stays beside those of releases"


def test_a_publisher_that_died_after_its_swap_is_settled_by_the_next(backend: Backend) -> None:
    """Another document has the place, and nothing is lost of the release that the pointer names."""
    lake = lake_at(backend.open(backend.root()))
    base = read_current(lake, "shop")
    first = draft(lake, base, run_id="first")
    lake.control.write(lake.release_key("shop", 1), b"of a publisher that died before its swap")

    class Dying:
        def __getattr__(self, name: str) -> object:
            return getattr(lake.control, name)

        def swap(self, key: str, content: bytes, *, expected: str | None) -> str:
            lake.control.swap(key, content, expected=expected)
            if key.endswith("_latest.json"):
                raise KeyboardInterrupt
            return ""

    dying = Lake(Dying(), lake.bronze, lake.silver, lake.gold)  # type: ignore[arg-type]
    with contextlib.suppress(KeyboardInterrupt):
        publish(dying, first, base)
    assert read_release(lake, "shop") == first
    base = read_current(lake, "shop")
    second = draft(lake, base, run_id="second")
    publish(lake, second, base)
    assert list_releases(lake, "shop") == [first, second]


def test_a_document_beyond_the_pointer_is_no_release(backend: Backend) -> None:
    lake = lake_at(backend.open(backend.root()))
    lake.control.write(lake.release_key("shop", 1), b"{}")
    try:
        read_release(lake, "shop", 1)
    except ReleaseError as error:
        assert "no release yet" in str(error)
    base = read_current(lake, "shop")
    release = publish(lake, draft(lake, base), base)
    assert read_release(lake, "shop", 1) == release
    assert lake.control.list("shop/_releases") == ["shop/_releases/1.json"]


def test_a_document_that_gets_its_place_while_it_is_read_is_found(backend: Backend) -> None:
    """The reader finds a dead publisher's document, then no draft any more: it has moved."""
    lake = lake_at(backend.open(backend.root()))
    lake.control.write(lake.release_key("shop", 1), b"of a publisher that died before its swap")
    base = read_current(lake, "shop")
    release = publish(lake, draft(lake, base), base)
    looks: list[str] = []

    class Late:
        """Shows the place as it was before the first look."""

        def __getattr__(self, name: str) -> object:
            return getattr(lake.control, name)

        def read(self, key: str) -> bytes:
            looks.append(key)
            return b"of the dead" if len(looks) == 1 else lake.control.read(key)

    late = Lake(Late(), lake.bronze, lake.silver, lake.gold)  # type: ignore[arg-type]
    assert read_release(late, "shop") == release
    assert len(looks) == 3
