"""What storage does wrong: it is tried again, or told by its name without a secret."""

from __future__ import annotations

import contextlib
import functools
import random
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.lake import Lake, default_scratch
from blocks.store import StorageError, Store, VersionConflictError
from blocks.stores import s3_bucket
from blocks.stores.access import GcsAccess, Patience, S3Access
from blocks.stores.local import LocalStore
from blocks.stores.opening import open_store
from tasks.contracts.errors import ConfigurationError
from tasks.releases import list_releases, publish, read_current, read_release
from tests.stores.conftest import KEY_ID, SECRET, Backend
from tests.stores.faulty_proxy import FAULTS, FaultyProxy
from tests.unit.test_releases import draft

HURRIED = Patience(attempts=4, first_delay=0.01, longest_delay=0.03, timeout=0.4)
UNHURRIED = replace(HURRIED, timeout=20)  # nothing is slow but what is meant to be


@pytest.fixture(scope="module")
def proxies() -> Iterator[Callable[[str], FaultyProxy]]:
    """One proxy a server: a client is made for each address, which takes its time."""
    with contextlib.ExitStack() as serving:

        @functools.cache
        def proxy_of(server: str) -> FaultyProxy:
            proxy = FaultyProxy(server, HURRIED.timeout)
            proxy.address = serving.enter_context(proxy.serving())
            return proxy

        yield proxy_of


@pytest.fixture
def proxy(object_backend: Backend, proxies: Callable[[str], FaultyProxy]) -> FaultyProxy:
    assert object_backend.server is not None
    proxy = proxies(object_backend.server)
    proxy.fail("", times=0)
    return proxy


@pytest.fixture
def root(object_backend: Backend) -> str:
    return object_backend.root()


@pytest.fixture
def direct(object_backend: Backend, root: str) -> Store:
    return object_backend.open(root)


@pytest.fixture
def store(
    object_backend: Backend, proxy: FaultyProxy, root: str, request: pytest.FixtureRequest
) -> Store:
    slow = request.node.callspec.params.get("fault") == "slow"
    patience = HURRIED if slow else UNHURRIED
    return object_backend.open(root, server=proxy.address, patience=patience)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_request_is_tried_again_after_a_transient_failure(
    store: Store, direct: Store, proxy: FaultyProxy, tmp_path: Path, fault: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"of a file")
    times = 1 if fault == "slow" else 2

    proxy.fail(fault, times=times)
    store.write("a/object", b"content")
    assert direct.read("a/object") == b"content"
    proxy.fail(fault, times=times)
    assert store.read("a/object") == b"content"
    proxy.fail(fault, times=times)
    assert store.list("a") == ["a/object"]
    proxy.fail(fault, times=times)
    assert (store.exists("a/object"), store.sizes(["a/object"])) == (True, [7])
    proxy.fail(fault, times=times)
    store.upload(file, "a/file")
    assert direct.read("a/file") == b"of a file"
    proxy.fail(fault, times=times)
    store.download("a/file", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"of a file"
    proxy.fail(fault, times=times)
    store.delete(["a/file"])
    assert not direct.exists("a/file")


def test_a_large_file_goes_in_parts_and_only_a_part_goes_again(
    store: Store,
    direct: Store,
    proxy: FaultyProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3_bucket, "_IN_PARTS_FROM", 2**20)
    content = random.Random(2).randbytes(17 * 2**20)
    (tmp_path / "large").write_bytes(content)
    proxy.fail("503", "PUT")
    store.upload(tmp_path / "large", "a/large")
    assert proxy.times == 0
    assert proxy.seen.count("PUT") < 6, "three parts or one, and one of them twice"
    assert direct.read("a/large") == content


@pytest.mark.parametrize("fault", FAULTS)
def test_a_swap_that_was_done_is_ones_own_whatever_became_of_the_reply(
    store: Store, direct: Store, proxy: FaultyProxy, fault: str
) -> None:
    proxy.fail(fault, "PUT", "POST")
    first = store.swap("pointer", b"1", expected=None)
    assert direct.read_versioned("pointer") == (b"1", first)
    proxy.fail(fault, times=1 if fault == "slow" else 3)
    second = store.swap("pointer", b"2", expected=first)
    assert direct.read_versioned("pointer") == (b"2", second)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_swap_that_lost_is_a_conflict_whatever_became_of_the_reply(
    store: Store, direct: Store, proxy: FaultyProxy, fault: str
) -> None:
    version = direct.swap("pointer", b"theirs", expected=None)
    proxy.fail(fault, "PUT", "POST")
    with pytest.raises(VersionConflictError):
        store.swap("pointer", b"theirs", expected=None)
    assert direct.read_versioned("pointer") == (b"theirs", version)


def test_a_swap_that_others_have_swapped_since_is_published_all_the_same(
    store: Store, direct: Store, object_backend: Backend, root: str
) -> None:
    """The reply is lost, and before the next attempt another publisher builds on the release."""

    class Overtaken:
        def __getattr__(self, name: str) -> object:
            return getattr(direct, name)

        def swap(self, key: str, content: bytes, *, expected: str | None) -> str:
            version = direct.swap(key, content, expected=expected)
            if not key.endswith("_latest.json"):
                return version
            base = read_current(lake, "shop")
            publish(lake, draft(lake, base, run_id="theirs"), base)
            raise VersionConflictError(key)

    lake = Lake(direct, direct, direct, direct, scratch=default_scratch())
    overtaken = Lake(Overtaken(), direct, direct, direct)  # type: ignore[arg-type]
    base = read_current(lake, "shop")
    assert publish(overtaken, draft(lake, base, run_id="ours"), base).release == 1
    assert [release.run_id for release in list_releases(lake, "shop")] == ["ours", "theirs"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_publish_over_a_bad_line_shows_one_release(
    store: Store, direct: Store, proxy: FaultyProxy, fault: str
) -> None:
    clean, shaky = (Lake(each, each, each, each) for each in (direct, store))
    base = read_current(clean, "shop")
    release = draft(clean, base)
    proxy.fail(fault, times=1 if fault == "slow" else 3)
    assert publish(shaky, release, base) == release
    assert list_releases(clean, "shop") == [release]
    assert read_release(clean, "shop") == release


@pytest.mark.parametrize("fault", ["503", "reset"])
def test_patience_ends_and_the_error_names_the_object_and_nothing_secret(
    store: Store,
    proxy: FaultyProxy,
    root: str,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy.fail(fault, times=1000)
    with pytest.raises(StorageError) as caught:
        store.read("a/object")
    text = str(caught.value)
    assert text.startswith(f"{root}/a/object cannot be read: no answer in 4 attempts (")
    assert len(proxy.seen) == HURRIED.attempts
    assert isinstance(caught.value, OSError), "a run tries the step again"
    proxy.fail(fault, times=1000)
    with pytest.raises(StorageError, match=r"cannot be written: .*; whether it was is not known"):
        store.swap("a/object", b"", expected=None)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(vars(store))
    for secret in (KEY_ID, SECRET, proxy.address, "http://"):
        assert secret not in told


def test_refused_access_is_told_at_once(
    store: Store, proxy: FaultyProxy, root: str, tmp_path: Path
) -> None:
    bucket = root.partition("//")[2].partition("/")[0]
    for use in (store.read, lambda key: store.write(key, b""), store.list, store.exists):
        proxy.fail("403", times=100)
        with pytest.raises(ConfigurationError) as caught:
            use("a/object")
        assert f"{root}/a/object cannot be " in str(caught.value)
        assert "the store refused access" in str(caught.value)
        assert f"//{bucket}" in str(caught.value)
        assert len(proxy.seen) == 1, "it is not tried again"
        assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_bucket_that_is_not_there_is_told_at_once(
    object_backend: Backend, proxy: FaultyProxy
) -> None:
    scheme = "s3" if object_backend.kind == "s3" else "gs"
    missing = object_backend.open(f"{scheme}://no-such-bucket/lake", server=proxy.address)
    for use in (
        missing.read,
        missing.read_versioned,
        missing.list,
        lambda key: missing.write(key, b""),
        lambda key: missing.swap(key, b"", expected=None),
    ):
        proxy.seen.clear()
        with pytest.raises(ConfigurationError) as caught:
            use("a/object")
        assert f"{scheme}://no-such-bucket/lake/a/object cannot be " in str(caught.value)
        assert f"there is no bucket {scheme}://no-such-bucket;" in str(caught.value)
        assert len(proxy.seen) == 1, "it is not tried again"


def test_a_machine_without_credentials_is_told_so(
    fresh_clients: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"),
        *("AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    for root in ("s3://shop/lake", "gs://shop/lake"):
        with pytest.raises(ConfigurationError, match=r"refused access .*check the credentials"):
            open_store(root).read("x")


def test_a_key_that_is_none_is_told_without_its_text() -> None:
    store = open_store("gs://shop/lake", credentials=SecretStr('{"private_key": "canary"}'))
    with pytest.raises(ConfigurationError, match="no key of a Google service account") as caught:
        store.read("x")
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_credentials_are_in_no_representation() -> None:
    secret = SecretStr("canary")
    s3 = S3Access(access_key_id=secret, secret_access_key=secret, endpoint="http://canary")
    shown = repr(s3) + repr(GcsAccess(credentials=secret, endpoint="http://canary"))
    assert "canary" not in shown


@pytest.mark.parametrize(
    "address",
    ["ftp://host/x", "s3://", "s3:///x", "gs://user:canary@bucket/x", "s3://b/x?y=canary"],
)
def test_an_address_of_no_store_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="a storage root is a path, ") as caught:
        open_store(address)
    assert "canary" not in str(caught.value)


def test_folders_are_stores_in_three_spellings(tmp_path: Path) -> None:
    for address in (tmp_path, str(tmp_path), f"file://{tmp_path}"):
        store = open_store(address)
        assert isinstance(store, LocalStore)
        assert store.root == tmp_path
