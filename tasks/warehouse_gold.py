"""Gold that is computed in the warehouse: by the same models, of the tables that were loaded there.

Belongs here: letting dbt build beside what readers see, putting its tables in their place once
every data test has passed, and fetching them. Does not belong here: the facts' SQL
(`dbt/models/<pipeline>/gold`), or loading what they read (`warehouse_load.py`).
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from blocks.settings import Settings
from blocks.warehouse_settings import BigQuerySettings, WarehouseSettings
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.release import PublishedTable, WarehouseGold
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import GoldFact, Spec
from tasks.dbt_models import require_models
from tasks.dbt_runs import PROJECT_FOLDER, DbtEngine, DbtInputs, DbtNode, build
from tasks.gates import enforce
from tasks.gold import judge_fact, reconciliation_gates
from tasks.warehouse_load import WarehouseLoad

BUILDING = "gold_building"  # the layer that nobody reads
_REFERENCE = re.compile(r"\bref\('([a-z][a-z0-9_]*)'\)")


def computed_there(settings: Settings) -> bool:
    """Tell whether the warehouse computes gold, and not a run's own DuckDB."""
    return settings.gold_engine == "warehouse"


def check_warehouse(settings: Settings) -> None:
    """Raise ConfigurationError where gold cannot be computed where the environment wants it."""
    if not computed_there(settings):
        return
    where = f"environment '{settings.environment}': gold_engine: warehouse"
    if not isinstance(settings.warehouse, BigQuerySettings):
        raise ConfigurationError(
            f"{where} needs a warehouse of kind bigquery; into a DuckDB file gold is loaded, "
            "with gold_engine: duckdb"
        )
    if not settings.load_warehouse:
        raise ConfigurationError(f"{where} needs load_warehouse: gold is made of what is loaded")
    try:
        importlib.metadata.version("dbt-bigquery")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigurationError(
            f"{where} needs dbt-bigquery: install the extra `bigquery` of medallion-flows"
        ) from None


def shown_facts(spec: Spec) -> list[GoldFact]:
    """Return the facts that readers see."""
    return [fact for fact in spec.gold if not fact.internal]


def gold_elsewhere(settings: WarehouseSettings | None, spec: Spec) -> WarehouseGold | None:
    """Return what a release says of gold that the warehouse of `settings` computes."""
    if not isinstance(settings, BigQuerySettings) or not spec.gold:
        return None
    return WarehouseGold(
        project=settings.project,
        dataset=settings.dataset(spec.pipeline, "gold"),
        tables=tuple(f"gold.{fact.name}" for fact in shown_facts(spec)),
    )


def reconciled_tables(spec: Spec) -> list[str]:
    """Return the silver tables that the pipeline's reconciliations compare gold with."""
    silver = {table.name for table in spec.tables}
    folder = PROJECT_FOLDER / "tests" / "reconciliation" / spec.pipeline
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))]
    named = {name for text in texts for name in _REFERENCE.findall(text)}
    return sorted(f"silver.{name}" for name in named & silver)


def build_gold(
    load: WarehouseLoad, engine: DbtEngine, progress: Callable[[str], None] | None = None
) -> None:
    """Build gold of the release that was loaded, test it, and show it.

    Readers keep what they have where anything fails: raises BuildError for a model or a data test,
    GateError for a row check. Everything is computed: what changed in the warehouse is not known.
    """
    release, spec = load.release, load.spec
    assert release is not None
    as_of = release.as_of.isoformat() if release.as_of else None
    nodes = build(
        engine,
        spec,
        DbtInputs({}, {}, more={"as_of": as_of, "base": None}),
        run_id=release.run_id,
        run_date=release.run_date,
        select=[f"path:models/{spec.pipeline}/gold", f"path:tests/reconciliation/{spec.pipeline}"],
        progress=progress,
        target=load.warehouse.dbt_target(BUILDING),
    )
    facts = shown_facts(spec)
    require_models(nodes, [fact.name for fact in spec.gold], f"dbt/models/{spec.pipeline}/gold")
    # Models may be named for their pipeline, too.
    models = {node.name: node.relation.partition(".")[2] for node in nodes if node.kind == "model"}
    built = {models[fact.name]: fact.name for fact in facts}
    rows = load.warehouse.rows(BUILDING, list(built))
    _judge(load, facts, nodes, {built[model]: count for model, count in rows.items()})
    load.warehouse.promote(BUILDING, "gold", built)
    load.warehouse.record(load.load_id or "gold", release.release, load.run_id, "gold")
    load.gold = release.release


def fetch_gold(load: WarehouseLoad, tables: Collection[str]) -> dict[str, Path]:
    """Bring `tables` (`gold.name`) of the warehouse here; return the Parquet file of each."""
    folder = (load.work / "gold").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.parquet" for name in tables}
    for name, file in files.items():
        load.warehouse.fetch("gold", name.removeprefix("gold."), file)
    return files


def _judge(
    load: WarehouseLoad,
    facts: Sequence[GoldFact],
    nodes: Sequence[DbtNode],
    rows: dict[str, int],
) -> None:
    release = load.release
    assert release is not None
    gates: list[GateResult] = []
    for fact in facts:
        found = PublishedTable(rows=rows[fact.name], bytes=0, columns={}, files=())
        gates += judge_fact(fact, found, nodes)
        load.records[f"gold.{fact.name}"] = TableRecord(
            table=f"gold.{fact.name}",
            layer="gold",
            rows_in=sum(release.tables[name].rows for name in fact.inputs),
            rows_out=rows[fact.name],
            seconds=sum(node.seconds for node in nodes if node.name == fact.name),
            inputs=fact.inputs,
        )
    gates += reconciliation_gates(load.spec.gold, nodes)
    load.gates += gates
    enforce(gates)
