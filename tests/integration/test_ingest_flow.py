"""The ingest flow: what runs, under which names, and how it fails."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from flows import ingest as ingest_module
from flows.ingest import LandingFailedError, ingest
from tasks.contracts.errors import IngestError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]

HEADER = "product_id,product_name,category,unit_price,cost_price,inventory_quantity\n"
ROWS = "1,Mug,Kitchen,9.50,3.00,12\n2,Lamp,Home,40,18.25,\n"


@pytest.fixture(autouse=True)
def without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_RETRY_DELAY_SECONDS", "0")
    monkeypatch.setenv("MEDALLION_RETRIES", "2")


def catalog(tmp_path: Path, text: str = ROWS, name: str = "product_catalog.csv") -> Path:
    path = tmp_path / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER + text)
    return path.parent


def test_the_flow_lands_each_file_in_a_task_of_its_table(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    state = ingest(
        "ecommerce",
        str(catalog(tmp_path)),
        landed_on=date(2024, 1, 14),
        lake=str(lake),
        return_state=True,
    )
    report = state.result()
    assert report.rows_by_table == {"product_catalog": 2}
    manifests = sorted(lake.glob("bronze/ecommerce/product_catalog/*/_MANIFEST.json"))
    assert [path.parent.name for path in manifests] == ["category=Home", "category=Kitchen"]
    assert json.loads(manifests[0].read_text())["total_rows"] == 1
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
        assert run.flow_id is not None
        assert run.name == "ecommerce ingest of in"
        (artifact,) = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        )
        assert (artifact.key, artifact.description) == (
            "ecommerce-landed",
            "1 file landed, 0 there before, 0 refused",
        )
    assert ingest("ecommerce", str(tmp_path / "in"), lake=str(lake)).landed == ()


def test_a_faulty_file_fails_the_flow_and_leaves_the_others_landed(tmp_path: Path) -> None:
    source = catalog(tmp_path)
    catalog(tmp_path, ROWS + "3,broken\n", "product_catalog-2.csv")
    with pytest.raises(
        LandingFailedError, match=r"product_catalog-2\.csv.*line 4 .*1 of 2 files"
    ) as caught:
        ingest("ecommerce", str(source), lake=str(tmp_path / "lake"))
    assert list(caught.value.faults) == ["product_catalog-2.csv"]
    assert [batch.source_file for batch in caught.value.landed] == ["product_catalog.csv"]
    assert len(list(tmp_path.glob("lake/bronze/ecommerce/product_catalog/_batches/*.json"))) == 1


def test_only_the_named_files_are_landed(tmp_path: Path) -> None:
    source = catalog(tmp_path)
    catalog(tmp_path, "3,Chair,Home,1,1,1\n", "product_catalog-2.csv")
    lake = str(tmp_path / "lake")
    named = ingest("ecommerce", str(source), lake=lake, files=["product_catalog-2.csv"])
    assert [batch.source_file for batch in named.landed] == ["product_catalog-2.csv"]
    assert ingest("ecommerce", str(source), lake=lake, files=[]).batches == ()
    with pytest.raises(IngestError, match="are missing") as caught:
        (source / "orders.csv").write_text("wrong\n1\n")
        ingest("ecommerce", str(source), lake=lake)
    assert list(caught.value.faults) == ["orders.csv"]


@pytest.mark.parametrize(("error", "attempts"), [(OSError("disk away"), 3), (IngestError("x"), 1)])
def test_only_storage_failures_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, attempts: int
) -> None:
    tried = []

    def fail(*args: object, **kwargs: object) -> None:
        tried.append(args)
        raise error

    monkeypatch.setattr(ingest_module, "land_file", fail)
    with pytest.raises(type(error)):
        ingest("ecommerce", str(catalog(tmp_path)), lake=str(tmp_path / "lake"))
    assert len(tried) == attempts
