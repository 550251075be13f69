"""A canary in every secret field, and a search of everything that runs leave behind."""

from __future__ import annotations

import gzip
import io
import json
import logging
import time
import traceback
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from blocks import MedallionPlatform
from blocks.applying import apply_environment
from blocks.flow_settings import flow_settings
from blocks.masking import mask_key
from cli.prefect_api import BATCHED
from flows.run import RunFailedError, run_pipeline
from tests.integration.service_account import key_with

pytestmark = pytest.mark.slow
MARK = "canaryZq7wJ0rX"
CANARIES = {part: f"{MARK}{part}" for part in ("keyid", "keysecret", "mask", "google", "told")}
DAY = date(2024, 1, 6)
ENVIRONMENT = """
lake:
  kind: s3
  root: s3://shop
  region: us-east-1
  endpoint: {endpoint}
  access_key_id: {{env: SHOP_KEY_ID}}
  secret_access_key: {{secret: shop-canary}}
warehouse: {{kind: bigquery, project: shop-data, credentials: {{env: SHOP_ACCOUNT}}}}
load_warehouse: false
stages: [bronze, dimensions, silver]
mask_key: {{env: SHOP_MASK_KEY}}
lineage: {{kind: http, url: "http://127.0.0.1:9", api_key: {{env: SHOP_TOLD}}}}
telemetry:
  {{kind: otlp, url: "http://127.0.0.1:9", api_key: {{env: SHOP_TOLD}}, timeout_seconds: 1}}
retry_delay_seconds: 0
"""
VARIABLES = {
    "SHOP_KEY_ID": CANARIES["keyid"],
    "SHOP_MASK_KEY": CANARIES["mask"],
    "SHOP_ACCOUNT": key_with(CANARIES["google"]),
    "SHOP_TOLD": CANARIES["told"],
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def bucket(endpoint: str) -> Any:
    session = boto3.Session("any", "key", region_name="us-east-1")
    made = session.resource("s3", endpoint_url=endpoint).Bucket("shop")
    made.meta.client.create_bucket(Bucket="shop")
    return made


def test_a_run_leaves_no_secret_behind(
    prefect_api: None,
    endpoint: str,
    small_bronze: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("medallion", "prefect", "prefect.flow_runs", "prefect.task_runs"):
        caplog.set_level(logging.DEBUG, name)
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(uuid4()))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    (tmp_path / "canary.yml").write_text(ENVIRONMENT.format(endpoint=endpoint))
    Secret(value=CANARIES["keysecret"]).save("shop-canary", overwrite=True)
    things = bucket(endpoint)
    left: dict[str, str] = {}

    changes = [
        *apply_environment("canary", variables=VARIABLES, folder=tmp_path, dry_run=True),
        *apply_environment("canary", variables=VARIABLES, folder=tmp_path),
    ]
    settings = flow_settings("canary")
    platform = MedallionPlatform.load("canary")
    opened, key = settings.lake(), mask_key(settings)
    left["shown"] = "".join(f"{x}{x!r}" for x in (changes, settings, platform, opened, key))
    left["dumped"] = f"{settings.model_dump()}{settings.model_dump_json()}{platform.model_dump()}"
    held = settings.places.opening()["secret_access_key"]
    assert held.get_secret_value() == CANARIES["keysecret"], "the canary is not where it should be"

    outcome = run_pipeline(
        "ecommerce", run_date=DAY, bronze=str(small_bronze), environment="canary"
    )
    left["outcome"] = repr(outcome)
    left["errors"] = "".join(errors(endpoint, tmp_path, small_bronze, monkeypatch))
    left["objects"] = "".join(
        f"{o.key}{text(o.get()['Body'].read())}" for o in things.objects.all()
    )
    left["scratch"] = "".join(
        text(p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".yml"
    )
    left["prefect"] = prefect_tells()
    left["database"] = "".join(text(part.read_bytes()) for part in database())
    left["log"] = caplog.text
    left["output"] = "".join(capfd.readouterr())

    assert '"release"' in left["objects"], "the run published nothing into the bucket"
    assert f"ecommerce {DAY}" in left["prefect"], "Prefect was not asked for the right thing"
    assert "RunFailedError" in left["errors"]
    assert "medallion-platform" in left["database"], "this is not the database"
    found = {place: left[place].count(MARK) for place in left if MARK in left[place]}
    assert found == {}


def errors(
    endpoint: str, folder: Path, bronze: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Tracebacks of what goes wrong with secrets at hand."""
    text = ENVIRONMENT.format(endpoint=endpoint)
    wrong = {
        "no such bucket": text.replace("s3://shop", "s3://nobody-made-it"),
        "not Google's key": text.replace("SHOP_ACCOUNT", "SHOP_MASK_KEY"),
        "half a key": text.replace("  access_key_id: {env: SHOP_KEY_ID}\n", ""),
        "written down": text.replace("{env: SHOP_MASK_KEY}", CANARIES["mask"]),
        "no setting": text.replace("mask_key: {env", "mask_kee: {env"),
        "no sense": text + "threads: many\n",
    }
    for case, content in wrong.items():
        (folder / "canary.yml").write_text(content)
        try:
            apply_environment("canary", variables=VARIABLES, folder=folder)
            run_pipeline("ecommerce", run_date=DAY, environment="canary")
        except Exception as error:
            yield f"{case}: {error!r}{''.join(traceback.format_exception(error))}"
        else:
            pytest.fail(f"{case}: nothing went wrong")
    (folder / "canary.yml").write_text(text)
    apply_environment("canary", variables=VARIABLES, folder=folder)
    try:
        run_pipeline("ecommerce", run_date=DAY, bronze=str(folder), environment="canary")
    except RunFailedError as error:
        yield f"{error.record!r}{''.join(traceback.format_exception(error))}"
    # A saved block that was spoilt behind our back.
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name(
            "canary", "medallion-platform", include_secrets=True
        )
        from prefect.client.schemas.actions import BlockDocumentUpdate

        data = {**document.data, "threads": "many"}
        data.pop("lake"), data.pop("warehouse")
        client.update_block_document(
            document.id,
            BlockDocumentUpdate(data=data, block_schema_id=document.block_schema_id),
        )
    try:
        run_pipeline("ecommerce", run_date=DAY, environment="canary")
    except Exception as error:
        yield "".join(traceback.format_exception(error))
    else:
        pytest.fail("a spoilt block was used")


def prefect_tells() -> str:
    """What the API tells of runs, their parameters, logs, artifacts and blocks."""
    time.sleep(2 * float(BATCHED["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"]))
    told: list[Any] = []
    with get_client(sync_client=True) as client:
        told += client.read_flow_runs()
        told += client.read_task_runs()
        for kind in ("logs", "artifacts"):
            told += client._client.post(f"/{kind}/filter", json={"limit": 200}).json()
        told += client.read_block_documents(include_secrets=False)
    return "".join(
        json.dumps(each) if isinstance(each, dict) else each.model_dump_json() for each in told
    )


def database() -> list[Path]:
    """The files of the API's database: what is not merged into it yet is in one beside it."""
    url = get_current_settings().server.database.connection_url
    assert url is not None
    file = Path(url.get_secret_value().rpartition("sqlite+aiosqlite:///")[2])
    return list(file.parent.glob(f"{file.name}*"))


def text(content: bytes) -> str:
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return io.TextIOWrapper(io.BytesIO(content), encoding="latin-1").read()
