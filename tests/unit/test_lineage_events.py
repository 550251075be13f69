"""OpenLineage events of a record: what they tell, and that they are what the specification says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import ValidationError
from openlineage.client.serde import Serde

from tasks.contracts.column_lineage import ColumnLineage
from tasks.contracts.run_record import GateResult, StageRecord
from tasks.lineage_datasets import Naming, TableFacts
from tasks.lineage_events import RunEvents
from tests.lineage_documents import check_event, validator
from tests.unit.reports.sample_record import failed_run, published_run

NAMING = Naming(jobs="medallion-prod", lake="s3://shop-control/lake", version="1.2")
ORDERS = TableFacts(
    {"order_id": "VARCHAR", "net_total": "DECIMAL(18,2)"}, 14_714, 900, 3, "Orders of the shop."
)
MART = TableFacts(
    {"dt": "DATE", "total": "DECIMAL(18,2)", "run_date": "DATE"},
    30,
    100,
    1,
    lineage=ColumnLineage(
        {
            "dt": {("silver.orders", "order_dt"): "IDENTITY"},
            "total": {
                ("silver.orders", "net_total"): "AGGREGATION",
                ("enriched.prices", "rate"): "UNTOLD",
            },
            "orders": {("silver.orders", "*"): "AGGREGATION"},
            "run_date": {},
        },
        frozenset({("silver.orders", "status")}),
    ),
)
GOLD = StageRecord(stage="gold", status="done", offset_seconds=10.0, seconds=2.5)
SILVER = StageRecord(stage="silver", status="failed", offset_seconds=3.0, seconds=1.0)
events = RunEvents(NAMING, published_run(), "A shop.")


def plain(event: Any) -> dict[str, Any]:
    document: dict[str, Any] = Serde.to_dict(event)
    check_event(document)
    assert document["producer"] == "urn:medallion-flows:1.2"
    return document


def test_a_stage_is_a_run_of_its_own_below_the_pipelines() -> None:
    whole, stage = plain(events.run_began()), plain(events.stage_began("gold", 10.0))
    assert (whole["job"]["namespace"], whole["job"]["name"]) == ("medallion-prod", "ecommerce")
    assert stage["job"]["name"] == "ecommerce.gold"
    assert (whole["eventType"], stage["eventType"]) == ("START", "START")
    assert whole["eventTime"] == "2024-01-15T03:12:45.000Z"
    assert stage["eventTime"] == "2024-01-15T03:12:55.000Z"
    parent = stage["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == whole["run"]["runId"] != stage["run"]["runId"]
    assert parent["job"]["name"] == "ecommerce"
    assert "parent" not in whole["run"]["facets"]
    assert whole["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2024-01-14T00:00:00Z"
    assert whole["job"]["facets"]["documentation"]["description"] == "A shop."


def test_the_official_schemas_refuse_what_is_none_of_theirs() -> None:
    document = plain(events.stage_ended(GOLD, {"silver.orders": ORDERS}, {"gold.mart": MART}))
    (mart,) = document["outputs"]
    mart["facets"]["schema"]["fields"][0]["ordinal_position"] = "first"
    with pytest.raises(ValidationError, match="'first' is not of type 'integer'"):
        check_event(document)
    del document["outputs"]
    document["eventTime"] = "yesterday"
    with pytest.raises(ValidationError, match="'yesterday' is not a 'date-time'"):
        validator().validate(document)


def test_the_same_record_gives_the_same_events() -> None:
    other = RunEvents(NAMING, published_run(), "A shop.")
    assert plain(other.run_began()) == plain(events.run_began())
    ends = [plain(made.stage_ended(GOLD, {}, {"gold.mart": MART})) for made in (events, other)]
    assert ends[0] == ends[1]
    began = plain(events.stage_began("gold", 10.0))
    assert began["run"]["runId"] == ends[0]["run"]["runId"]


def test_the_end_of_a_stage_tells_columns_their_lineage_and_figures() -> None:
    document = plain(events.stage_ended(GOLD, {"silver.orders": ORDERS}, {"gold.mart": MART}))
    assert (document["eventType"], document["eventTime"]) == (
        "COMPLETE",
        "2024-01-15T03:12:57.500Z",
    )
    (read,), (made,) = document["inputs"], document["outputs"]
    assert (read["namespace"], read["name"]) == (
        "s3://shop-control",
        "lake/ecommerce/silver/orders",
    )
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 14_714
    assert read["facets"]["documentation"]["description"] == "Orders of the shop."
    assert made["name"] == "lake/ecommerce/gold/mart"
    schema = made["facets"]["schema"]["fields"]
    assert [(f["name"], f["type"], f["ordinal_position"]) for f in schema] == [
        ("dt", "DATE", 1),
        ("total", "DECIMAL(18,2)", 2),
        ("run_date", "DATE", 3),
    ]
    statistics = made["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (30, 100, 1)
    lineage = made["facets"]["columnLineage"]
    assert set(lineage["fields"]) == {"dt", "total"}
    untold, total = lineage["fields"]["total"]["inputFields"]
    assert (total["field"], total["name"]) == ("net_total", "lake/ecommerce/silver/orders")
    assert total["transformations"] == [{"type": "DIRECT", "subtype": "AGGREGATION"}]
    assert (untold["field"], untold["transformations"]) == ("rate", [])
    (condition,) = lineage["dataset"]
    assert (condition["field"], condition["transformations"]) == ("status", [{"type": "INDIRECT"}])


def test_a_table_that_a_stage_made_is_not_its_input() -> None:
    document = plain(events.stage_ended(GOLD, {"gold.mart": MART}, {"gold.mart": MART}))
    assert (len(document["inputs"]), len(document["outputs"])) == (0, 1)


def test_gates_are_assertions_on_the_tables_that_they_judged() -> None:
    def gate(check: str, status: Any, **more: Any) -> GateResult:
        told = {"layer": "gold", "table": "mart", "observed": 1, "threshold": None} | more
        return GateResult(check=check, status=status, **told)

    results = [
        gate("min_rows", "pass"),
        gate("null_rate.total", "warn", observed=0.2, threshold=0.1, message="too many"),
        gate("revenue_agrees", "fail", table="all"),
        gate("schema", "pass", layer="silver"),
    ]
    began, ended = (plain(event) for event in events.gates(GOLD, results, {"gold.mart": MART}))
    assert began["job"]["name"] == "ecommerce.gold.gates"
    assert (began["eventType"], ended["eventType"]) == ("START", "FAIL")
    (judged,) = ended["inputs"]
    told = judged["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(a["name"], a["success"], a["severity"]) for a in told] == [
        ("min_rows", True, "error"),
        ("null_rate.total", False, "warn"),
        ("revenue_agrees", False, "error"),
    ]
    assert (told[1]["column"], told[1]["expected"], told[1]["actual"]) == ("total", "0.1", "0.2")
    assert judged["inputFacets"]["dataQualityMetrics"]["rowCount"] == 30
    assert ended["outputs"] == []
    assert events.gates(GOLD, results[3:], {}) == []


def test_the_end_of_a_run_names_the_release_that_readers_see() -> None:
    record = published_run().model_copy(update={"artifact": "a" * 64})
    facts = {"bronze.orders": ORDERS, "gold.mart": MART}
    document = plain(events.run_ended(record, facts))
    assert document["eventType"] == "COMPLETE"
    assert [d["name"] for d in document["inputs"]] == ["lake/ecommerce/bronze/orders"]
    (made,) = document["outputs"]
    assert made["facets"]["version"]["datasetVersion"] == "12"
    tags = {tag["key"]: tag["value"] for tag in document["run"]["facets"]["tags"]["tags"]}
    assert tags["medallion.release"] == "12"
    assert tags["medallion.artifact"] == "a" * 64


def test_a_failure_says_why() -> None:
    record = failed_run()
    document = plain(RunEvents(NAMING, record).run_ended(record, {"gold.mart": MART}))
    assert (document["eventType"], document["outputs"]) == ("FAIL", [])
    assert document["run"]["facets"]["errorMessage"]["message"] == record.error
    stage = plain(events.stage_ended(SILVER, {}, {}, error="no row is left"))
    assert stage["eventType"] == "FAIL"
    assert stage["run"]["facets"]["errorMessage"]["message"] == "no row is left"


@pytest.mark.parametrize(
    ("lake", "named"),
    [
        ("/srv/lake", ("file", "/srv/lake/shop/gold/mart")),
        ("gs://bucket", ("gs://bucket", "shop/gold/mart")),
        ("s3://bucket/a/b/", ("s3://bucket", "a/b/shop/gold/mart")),
    ],
)
def test_a_dataset_is_named_after_its_place(lake: str, named: tuple[str, str]) -> None:
    assert Naming("jobs", lake, "1").dataset("shop", "gold.mart") == named
