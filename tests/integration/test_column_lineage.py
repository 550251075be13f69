"""Column lineage of everything that the pipelines publish, as the dictionary and events tell it.

The models are compiled as for the dictionary; no data is read, and nothing is built.
"""

from __future__ import annotations

import pytest

from tasks.dbt_docs import compile_project
from tasks.dictionary import DictionaryColumn, dictionary
from tasks.specs import known_pipelines, load_spec
from tasks.transform_inputs import SEED_SCHEMAS

pytestmark = pytest.mark.slow

# What no table says: which run wrote a row, its day, and the name of the layer.
OF_THE_RUN = {
    "end_date",
    "layer",
    "processed_at",
    "processed_timestamp",
    "run_date",
    "run_id",
    "snapshot_dt",
}
Columns = dict[str, DictionaryColumn]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Columns]:
    """The columns of each pipeline by `layer.table.column`, in the order of the layers."""
    specs = [load_spec(name) for name in known_pipelines()]
    models = compile_project(specs, tmp_path_factory.mktemp("compiled"))
    return {
        spec.pipeline: {
            f"{table.name}.{column.name}": column
            for table in dictionary(spec, models)
            for column in table.columns
        }
        for spec in specs
    }


@pytest.mark.parametrize("pipeline", known_pipelines())
def test_every_published_column_has_a_source_or_is_the_runs(
    published: dict[str, Columns], pipeline: str
) -> None:
    above = {n: c for n, c in published[pipeline].items() if not n.startswith("bronze.")}
    assert {name.split(".")[0] for name in above} >= {"silver", "gold"}
    untold = [name for name, column in above.items() if not column.sources and not column.is_of_run]
    assert untold == []
    assert {column.name for column in above.values() if column.is_of_run} <= OF_THE_RUN


@pytest.mark.parametrize("pipeline", known_pipelines())
def test_every_source_exists_in_a_layer_that_is_no_later(
    published: dict[str, Columns], pipeline: str
) -> None:
    columns = published[pipeline]
    known = {*columns, *(f"{name.rpartition('.')[0]}.*" for name in columns)}
    known |= {f"seeds.{seed}.{c}" for seed, schema in SEED_SCHEMAS.items() for c in schema}
    layers = ["bronze", "silver", "dims", "enriched", "gold", "seeds"]
    for name, column in columns.items():
        assert set(column.sources) <= known, name
        place = layers.index(name.split(".")[0])
        for source in column.sources:
            layer = source.split(".")[0]
            assert layer == "seeds" or layers.index(layer) <= place, (name, source)


def sources(published: dict[str, Columns], pipeline: str, column: str) -> set[str]:
    return set(published[pipeline][column].sources)


def test_json_is_followed_from_the_fields_to_the_figures(published: dict[str, Columns]) -> None:
    def made_of(column: str) -> set[str]:
        return sources(published, "coordination", column)

    tasks = "silver.current_tasks"
    assert made_of("gold.kpis.p95_duration") == {f"{tasks}.status", f"{tasks}.duration_seconds"}
    assert made_of("gold.by_master.master") == {f"{tasks}.master"}
    assert made_of("gold.by_status.total_tasks") == {f"{tasks}.*"}
    assert f"{tasks}.priority" in made_of("gold.master_report.tasks")
    assert made_of(f"{tasks}.title") == {"silver.processed_tasks.title"}
    raw = "bronze.raw_tasks"
    assert made_of("silver.processed_tasks.title") == {f"{raw}.title", f"{raw}.payload"}
    assert made_of("silver.processed_tasks.master") == {f"{raw}.assigned_to", f"{raw}.master"}
    assert {f"{raw}.{c}" for c in ("status", "created_at", "completed_at", "metadata")} == made_of(
        "silver.processed_tasks.duration_seconds"
    )
    assert made_of("silver.processed_tasks_quarantine.raw") == {f"{raw}.record"}
    assert made_of("silver.aggregated_metrics.max") == {"bronze.raw_metrics.record"}
    assert made_of("silver.validated_lineage.event_type") == {"bronze.events.record"}


def test_lines_are_followed_through_what_is_built_a_day_at_a_time(
    published: dict[str, Columns],
) -> None:
    def made_of(column: str) -> set[str]:
        return sources(published, "clickstream", column)

    raw, silver = "bronze.events_raw", "silver.events_cleaned"
    assert made_of(f"{silver}.category_l2") == {f"{raw}.category_code"}
    assert made_of(f"{silver}.event_hour") == {f"{raw}.event_time"}
    assert made_of(f"{silver}.event_id") == {
        f"{raw}.{c}" for c in ("event_time", "event_type", "product_id", "user_id", "user_session")
    }
    assert made_of("silver.events_quarantine.raw_line") == {f"{raw}.raw_line"}
    assert made_of("gold.daily_sales_summary.total_events") == {f"{silver}.*"}
    assert f"{silver}.price" in made_of("gold.product_performance.total_revenue")
