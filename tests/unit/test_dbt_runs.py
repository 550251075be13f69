"""Running dbt: what breaks is named, with its message and its SQL, and nothing else is lost.

A project of a few models stands in for the real one; dbt and DuckDB are the real ones.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks import dbt_runs
from tasks.contracts.errors import BuildError
from tasks.contracts.spec import Spec
from tasks.dbt_models import require_models
from tasks.dbt_runs import DbtEngine, DbtInputs, DbtNode, build, dbt_tables, warm_up

SPEC = Spec.model_validate(
    {
        "pipeline": "shop",
        "tables": [
            {
                "name": "orders",
                "key": ["order_id"],
                "partition": {"column": "ingest_dt", "kind": "date"},
                "columns": [{"name": "order_id", "type": "string"}],
                "rules": [{"name": "missing_order_id", "not_null": "order_id"}],
            }
        ],
    }
)
FILES = {
    "dbt_project.yml": """
        name: medallion
        version: "1.0"
        config-version: 2
        profile: medallion
        flags: {send_anonymous_usage_stats: false}
        vars: {run: {}}
        models: {+materialized: table}
        """,
    "models/good.sql": "select 1 as id, '{{ var('run').get('run_date') }}' as day",
    "models/good.yml": """
        version: 2
        models:
          - name: good
            columns: [{name: id, data_tests: [{not_null: {name: good_id_is_there}}]}]
        """,
    "models/odd.sql": "select id, 'a' as word from {{ ref('good') }}",
    "models/broken.sql": "select cast(word as integer) as id from {{ ref('odd') }}",
    "models/child.sql": "select * from {{ ref('broken') }}",
    "tests/odd_is_empty.sql": "select id from {{ ref('odd') }}",
    "models/limits.sql": """
        {% set hook = "copy {{ this }} to '{{ var('run')['outputs']['limits'] }}/limits.json'" %}
        {{ config(post_hook=hook) }}
        select
            current_setting('memory_limit') as memory,
            current_setting('threads') as threads,
            current_setting('temp_directory') as spill
        """,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dbt")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


@pytest.fixture
def engine(
    project: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> DbtEngine:
    monkeypatch.setattr(dbt_runs, "PROJECT_FOLDER", project)
    cache = tmp_path_factory.getbasetemp() / "dbt-cache"
    return DbtEngine(cache=cache, work=tmp_path / "work", threads=2, memory_limit="500MB")


def built(
    engine: DbtEngine, *select: str, outputs: Mapping[str, Path] | None = None, **options: Any
) -> list[DbtNode]:
    return build(
        engine,
        SPEC,
        DbtInputs({}, outputs or {}),
        run_id="r1",
        run_date=date(2024, 1, 14),
        select=select,
        **options,
    )


def test_each_model_and_test_is_reported(engine: DbtEngine) -> None:
    told: list[str] = []
    nodes = built(engine, "good", progress=told.append)
    assert [(node.name, node.kind, node.status) for node in nodes] == [
        ("good", "model", "success"),
        ("good_id_is_there", "test", "pass"),
    ]
    assert nodes[0].sql == "select 1 as id, '2024-01-14' as day"
    assert nodes[0].seconds > 0
    assert nodes[1].failures == 0
    assert not any(node.is_broken for node in nodes)
    assert told == ["good"]


def test_what_is_excluded_is_not_built(engine: DbtEngine) -> None:
    assert [node.name for node in built(engine, "good", exclude=["test_type:generic"])] == ["good"]


def test_models_can_be_built_without_their_data_tests(engine: DbtEngine) -> None:
    assert [node.name for node in built(engine, "good", data_tests=False)] == ["good"]


def test_a_broken_model_is_named_with_its_message_and_sql(engine: DbtEngine) -> None:
    with pytest.raises(BuildError) as caught:
        built(engine, "good", "odd", "broken", "child", exclude=["test_type:singular"])
    text = str(caught.value)
    assert text.startswith("dbt: 1 of the models and tests failed\nmodel broken: ")
    assert "Could not convert string 'a' to INT32" in text
    assert "SQL of broken:\nselect cast(word as integer) as id from " in text
    assert text.endswith("\nskipped: child")
    assert caught.value.exit_status == 1


def test_a_failing_test_is_named_with_its_message_and_sql(engine: DbtEngine) -> None:
    with pytest.raises(BuildError) as caught:
        built(engine, "good", "odd", "odd_is_empty")
    text = str(caught.value)
    assert "test odd_is_empty: Got 1 result, configured to fail if != 0" in text
    assert "SQL of odd_is_empty:\nselect id from " in text


def test_a_project_that_cannot_be_parsed_is_told(
    engine: DbtEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text(
        "name: medallion\nprofile: medallion\nconfig-version: 2\n"
    )
    (tmp_path / "models" / "lost.sql").write_text("select * from {{ ref('nowhere') }}")
    monkeypatch.setattr(dbt_runs, "PROJECT_FOLDER", tmp_path)
    own = DbtEngine(tmp_path / "cache", tmp_path / "work", 1, "500MB")
    warm_up(own.cache, SPEC)  # whatever comes of it
    with pytest.raises(BuildError, match=r"(?s)^dbt cannot parse the project: .*nowhere"):
        built(own, "lost")


def test_a_selection_that_dbt_refuses_is_told(engine: DbtEngine) -> None:
    with pytest.raises(BuildError, match=r"^dbt: "):
        built(engine, "no_such_method:x")


def test_a_model_that_was_forgotten_is_named(engine: DbtEngine) -> None:
    nodes = built(engine, "good", "forgotten", "lost")
    require_models(nodes, ["good"], "dbt/models/shop")
    with pytest.raises(BuildError) as caught:
        require_models(nodes, ["good", "forgotten", "lost"], "dbt/models/shop")
    assert str(caught.value) == (
        "the specification needs models that dbt does not have: forgotten, lost; "
        "add each below dbt/models/shop (CONTRIBUTING.md has what is in it)"
    )


def test_the_project_is_parsed_once(engine: DbtEngine) -> None:
    def parsed() -> dict[str, int]:
        found = engine.cache.glob("*/partial_parse.msgpack")
        return {path.parent.name: path.stat().st_mtime_ns for path in found}

    built(engine, "good")
    before = parsed()
    warm_up(engine.cache, SPEC)
    built(engine, "good")
    assert parsed() == before
    key = SPEC.tables[0].model_copy(update={"key": ("order_id", "line")})
    warm_up(engine.cache, SPEC.model_copy(update={"tables": (key,)}))
    built(engine, "good")
    (added,) = parsed().keys() - before.keys()
    assert parsed() == before | {added: parsed()[added]}, "each specification has its own"


def test_each_build_has_the_limits_of_its_run(engine: DbtEngine, tmp_path: Path) -> None:
    for memory, threads in (("400MB", 1), ("600MB", 2)):
        work = tmp_path / f"run-{threads}"
        own = DbtEngine(engine.cache, work, threads, memory)
        built(own, "limits", outputs={"limits": work})
        assert json.loads((work / "limits.json").read_text()) == {
            "memory": {"400MB": "381.4 MiB", "600MB": "572.2 MiB"}[memory],
            "threads": threads,
            "spill": str(work / "spill"),
        }


def test_an_exception_of_the_caller_s_progress_reaches_the_caller(engine: DbtEngine) -> None:
    def fail(node: str) -> None:
        raise LookupError(node)

    with pytest.raises(LookupError, match="good"):
        built(engine, "good", progress=fail)
    assert [node.name for node in built(engine, "good", data_tests=False)] == ["good"]


def test_tables_are_given_to_dbt_with_their_audit_columns() -> None:
    (entry,) = dbt_tables(SPEC).values()
    assert [column["name"] for column in entry["columns"]] == [
        "order_id",
        "batch_id",
        "ingestion_ts",
        "event_id",
        "source_file",
    ]
    assert entry["columns"][2]["becomes"] == "timestamp"
    assert "gates" not in entry


def test_five_causes_are_told_in_full_and_all_are_counted() -> None:
    broken = [DbtNode(f"m{n}", "model", "error", 0.1, f"why {n}", "", None) for n in range(7)]
    text = dbt_runs._broken_nodes(broken)
    assert text.splitlines() == [
        "dbt: 7 of the models and tests failed",
        *(f"model m{n}: why {n}" for n in range(5)),
    ]
