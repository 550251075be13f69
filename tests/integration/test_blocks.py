"""Environments saved as blocks of a real Prefect API: applied, loaded, and secret all along."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect_gcp import GcpCredentials
from pydantic import SecretStr

import blocks as package
from blocks import GcsLake, MedallionPlatform, RestCatalog, S3Lake
from blocks.applying import BlockChange, apply_environment
from blocks.flow_settings import flow_settings
from blocks.secrets import look_up
from blocks.settings import Settings
from tasks.contracts.errors import ConfigurationError
from tests.integration.service_account import key_with

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]

CANARIES = {
    name: f"canary{number}Zq7wJ0rX"
    for number, name in enumerate(("id", "secret", "mask", "gcp"), start=1)
}
S3_ENVIRONMENT = """
lake:
  kind: s3
  root: s3://shop-lake
  gold: s3://shop-marts
  region: eu-central-1
  access_key_id: {env: SHOP_KEY_ID}
  secret_access_key: {secret: shop-key}
mask_key: {env: SHOP_MASK_KEY}
gates: strict
retries: 3
"""
GCS_ENVIRONMENT = """
lake: {kind: gcs, root: 'gs://shop-lake', credentials: {block: shop-account}}
warehouse: {kind: bigquery, project: shop-data, credentials: {env: SHOP_ACCOUNT}}
load_warehouse: true
catalog:
  kind: rest
  uri: https://catalog.example/api
  client_id: {env: SHOP_KEY_ID}
  client_secret: {secret: shop-key}
mask_key: {secret: shop-mask}
"""
VARIABLES = {
    "SHOP_KEY_ID": CANARIES["id"],
    "SHOP_MASK_KEY": CANARIES["mask"],
    "SHOP_ACCOUNT": key_with(CANARIES["gcp"]),
}


@pytest.fixture(scope="module")
def saved_secrets(prefect_api: None) -> None:
    Secret(value=CANARIES["secret"]).save("shop-key", overwrite=True)
    Secret(value=CANARIES["mask"]).save("shop-mask", overwrite=True)
    key = json.loads(key_with(CANARIES["gcp"]))
    GcpCredentials(service_account_info=key).save("shop-account", overwrite=True)


@pytest.fixture
def folder(saved_secrets: None, tmp_path: Path) -> Path:
    (tmp_path / "shop.yml").write_text(S3_ENVIRONMENT)
    (tmp_path / "cloud.yml").write_text(GCS_ENVIRONMENT)
    return tmp_path


@pytest.fixture(autouse=True)
def forget(prefect_api: None) -> Iterator[None]:
    """Leave no block of ours behind."""
    yield
    with get_client(sync_client=True) as client:
        for document in client.read_block_documents(include_secrets=False):
            if document.block_type and document.block_type.slug.startswith("medallion-"):
                client.delete_block_document(document.id)


def applied(folder: Path, name: str = "shop", **options: Any) -> dict[str, BlockChange]:
    changes = apply_environment(name, variables=VARIABLES, folder=folder, **options)
    return {change.block: change for change in changes}


def statuses(changes: dict[str, BlockChange]) -> dict[str, str]:
    return {name: change.status for name, change in changes.items()}


@pytest.mark.parametrize("block", sorted(package.__all__))
def test_the_example_of_a_block_works(block: str) -> None:
    cls: type[Block] = getattr(package, block)
    example = re.sub(r"^```\w*$", "", str(cls.get_code_example()), flags=re.MULTILINE)
    example = example.replace("BLOCK_NAME", "example")
    exec(compile(example, f"example of {block}", "exec"), {})


@pytest.mark.parametrize(
    "how", [["-m", "blocks"], ["--file", "blocks/collection.py"]], ids=" ".join
)
def test_prefect_registers_all_of_them(how: list[str]) -> None:
    from prefect.settings import get_current_settings

    url = str(get_current_settings().api.url)
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "block", "register", *how],
        env={**os.environ, "PREFECT_API_URL": url},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with get_client(sync_client=True) as client:
        for name in package.__all__:
            slug = getattr(package, name).get_block_type_slug()
            assert client.read_block_type_by_slug(slug).slug == slug
            assert getattr(package, name).get_block_type_name() in done.stdout


def test_applying_twice_changes_nothing(folder: Path) -> None:
    first = applied(folder)
    assert statuses(first) == {
        "medallion-s3-lake/shop": "created",
        "medallion-platform/shop": "created",
    }
    second = applied(folder)
    assert set(statuses(second).values()) == {"unchanged"}
    assert all(change.fields == () for change in second.values())
    first = applied(folder, "cloud")
    assert set(statuses(first).values()) == {"created"}
    assert len(first) == 4
    assert set(statuses(applied(folder, "cloud")).values()) == {"unchanged"}


def test_a_dry_run_tells_the_same_and_saves_nothing(folder: Path) -> None:
    planned = applied(folder, dry_run=True)
    assert planned == applied(folder, dry_run=True) == applied(folder)
    assert set(statuses(applied(folder, dry_run=True)).values()) == {"unchanged"}


def test_what_changed_is_named_field_by_field_and_without_values(folder: Path) -> None:
    applied(folder)
    text = S3_ENVIRONMENT.replace("retries: 3", "retries: 4\nretry_backoff: true")
    text = text.replace("SHOP_KEY_ID", "SHOP_MASK_KEY").replace("  region: eu-central-1\n", "")
    (folder / "shop.yml").write_text(text)
    planned = applied(folder, dry_run=True)
    changed = applied(folder)
    assert planned == changed
    assert changed["medallion-s3-lake/shop"].fields == ("access_key_id", "region")
    assert changed["medallion-platform/shop"].fields == ("retries", "retry_backoff")
    lake = S3Lake.load("shop")
    assert lake.access_key_id.get_secret_value() == CANARIES["mask"]
    assert lake.region is None
    platform = MedallionPlatform.load("shop")
    assert (platform.retries, platform.retry_backoff) == (4, True)
    assert platform.lake == lake


def test_a_replaced_secret_is_a_change(folder: Path) -> None:
    applied(folder)
    Secret(value="another one").save("shop-key", overwrite=True)
    changed = applied(folder)
    assert changed["medallion-s3-lake/shop"].fields == ("secret_access_key",)
    assert changed["medallion-platform/shop"].status == "unchanged"
    key = MedallionPlatform.load("shop").lake.secret_access_key
    assert key.get_secret_value() == "another one"
    Secret(value=CANARIES["secret"]).save("shop-key", overwrite=True)


def test_another_kind_of_lake_takes_the_place_of_the_first(folder: Path) -> None:
    applied(folder)
    (folder / "shop.yml").write_text(GCS_ENVIRONMENT)
    changed = applied(folder)
    assert changed["medallion-gcs-lake/shop"].status == "created"
    assert {"lake", "warehouse", "load_warehouse"} <= set(changed["medallion-platform/shop"].fields)
    platform = MedallionPlatform.load("shop")
    assert isinstance(platform.lake, GcsLake)
    assert set(statuses(applied(folder)).values()) == {"unchanged"}


def test_variables_of_the_one_who_applies_are_not_the_environments(folder: Path) -> None:
    overriding = VARIABLES | {"MEDALLION_GATES": "warn", "MEDALLION_LAKE": "/tmp/mine"}
    apply_environment("shop", variables=overriding, folder=folder)
    platform = MedallionPlatform.load("shop")
    assert (platform.gates, platform.lake.kind, platform.threads) == ("strict", "s3", None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SHOP_KEY_ID", "NOT_SET", "lake.access_key_id: the variable NOT_SET is not set"),
        ("shop-key", "no-key", "there is no Prefect Secret block 'no-key'"),
    ],
)
def test_a_missing_secret_saves_nothing(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "shop.yml").write_text(S3_ENVIRONMENT.replace(old, new))
    with pytest.raises(ConfigurationError, match=message):
        applied(folder)
    with pytest.raises(ValueError, match="Unable to find block document"):
        S3Lake.load("shop")


@pytest.mark.parametrize("content", ["no JSON", "{}", '{"type": "service_account"}'])
def test_what_is_no_key_of_google_is_said_to_be_none(folder: Path, content: str) -> None:
    wrong = VARIABLES | {"SHOP_ACCOUNT": content.replace("{", f'{{"x": "{CANARIES["gcp"]}"', 1)}
    with pytest.raises(ConfigurationError) as caught:
        apply_environment("cloud", variables=wrong, folder=folder)
    assert "warehouse.credentials: this is not the JSON text" in str(caught.value)
    assert CANARIES["gcp"] not in "".join(traceback.format_exception(caught.value))


def settings_in_a_flow(**parameters: Any) -> Settings:
    @flow(persist_result=False)
    def asks() -> list[Settings]:
        return [flow_settings(**parameters)]

    return asks()[0]


@pytest.fixture
def on_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a run of a deployment: Prefect's own way to pretend so."""
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(uuid4()))


def test_a_run_on_a_worker_takes_the_saved_block(
    folder: Path, on_a_worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(folder)
    (folder / "shop.yml").write_text("gates: warn\n")
    settings = settings_in_a_flow(environment="shop")
    assert (settings.environment, settings.gates, settings.retries) == ("shop", "strict", 3)
    assert settings.places.layer_roots()["gold"] == "s3://shop-marts"
    opening = settings.places.opening()
    assert opening["region"] == "eu-central-1"
    assert opening["secret_access_key"].get_secret_value() == CANARIES["secret"]
    monkeypatch.setenv("MEDALLION_GATES", "warn")
    monkeypatch.setenv("MEDALLION_ENV", "shop")
    assert settings_in_a_flow().gates == "warn"
    settings = settings_in_a_flow(gates="strict", lake_root="/data")
    assert (settings.gates, settings.lake_root) == ("strict", "/data")


def test_google_credentials_reach_the_settings(folder: Path, on_a_worker: None) -> None:
    applied(folder, "cloud")
    settings = settings_in_a_flow(environment="cloud")
    for held in (settings.places.credentials, settings.warehouse.credentials):  # type: ignore[union-attr]
        assert isinstance(held, SecretStr)
        assert json.loads(held.get_secret_value())["private_key_id"] == CANARIES["gcp"]
    from_file = look_up(Settings(lake=_cloud_lake()).places.credentials, "lake")  # type: ignore[call-arg, union-attr]
    assert json.loads(str(from_file and from_file.get_secret_value()))["project_id"] == "shop-data"


def test_the_catalogs_client_reaches_the_settings(folder: Path, on_a_worker: None) -> None:
    applied(folder, "cloud")
    saved = MedallionPlatform.load("cloud").catalog
    assert isinstance(saved, RestCatalog)  # and not another kind, with the secret in clear
    assert CANARIES["secret"] not in repr(saved)
    catalog = settings_in_a_flow(environment="cloud").catalog
    assert catalog is not None
    assert catalog.kind == "rest"
    told = {"client_id": CANARIES["id"], "client_secret": CANARIES["secret"]}
    assert catalog.secrets() == told


def _cloud_lake() -> dict[str, Any]:
    return {"kind": "gcs", "root": "gs://shop-lake", "credentials": {"block": "shop-account"}}


def test_without_a_saved_block_the_file_counts(on_a_worker: None) -> None:
    assert settings_in_a_flow(environment="local").environment == "local"
    with pytest.raises(ConfigurationError, match="no environment 'prodd'"):
        settings_in_a_flow(environment="prodd")


def test_a_run_of_the_command_line_takes_the_file(folder: Path) -> None:
    applied(folder)
    with pytest.raises(ConfigurationError, match="no environment 'shop'"):
        settings_in_a_flow(environment="shop")


def medallion(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    from prefect.settings import get_current_settings

    api = {"PREFECT_API_URL": str(get_current_settings().api.url)}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MEDALLION_")}
    return subprocess.run(
        [sys.executable, "-m", "cli.app", *words],
        env={**kept, **api, **variables},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_tells_what_it_saved() -> None:
    planned = medallion("blocks", "apply", "local", "--dry-run", "--json")
    assert planned.returncode == 0, planned.stderr
    document = json.loads(planned.stdout)
    assert (document["environment"], document["dry_run"]) == ("local", True)
    assert [(b["block"], b["status"]) for b in document["blocks"]] == [
        ("medallion-local-lake/local", "created"),
        ("medallion-platform/local", "created"),
    ]
    # What overrides a run of the one who applies is not the environment's.
    saved = medallion("blocks", "apply", "local", MEDALLION_GATES="strict", MEDALLION_ENV="prod")
    assert saved.stdout.count("created") == 2
    assert MedallionPlatform.load("local").gates == "warn"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prd"], "error: no environment 'prd'; did you mean 'prod'?\n"),
        (["prod"], "there is no GCP Credentials block 'medallion-prod'; save one under this name"),
        ([], "Missing argument 'ENV'"),
    ],
)
def test_a_wrong_call_of_the_command_line_says_why(words: list[str], told: str) -> None:
    done = medallion("blocks", "apply", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refusal_of_the_api_is_told_without_a_traceback() -> None:
    """A stand-in for an API that asks for credentials which the command does not have."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.endswith("/health") else 403)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"true")

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/api"
    done = medallion("blocks", "apply", "local", PREFECT_API_URL=url)
    server.shutdown()
    server.server_close()
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: the Prefect API refused this: 403 Forbidden"
    assert "Traceback" not in done.stderr
