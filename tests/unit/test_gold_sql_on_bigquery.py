"""The gold models and reconciliations as BigQuery would get them: grammar and names of types.

Belongs here: what sqlfluff knows of the warehouse's SQL, reserved words above all. Does not:
results, which `tests/warehouse` compares between both targets.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from sqlfluff.core import FluffConfig, Linter

REPOSITORY = Path(__file__).resolve().parents[2]
DBT = REPOSITORY / "dbt"
QUERIES = sorted(
    [
        *(DBT / "models").glob("*/gold/*.sql"),
        *(DBT / "tests/reconciliation").glob("*/*.sql"),
    ]
)
DUCKDB_ONLY = re.compile(
    r"decimal\(|\bdouble\b|\bbigint\b|\bvarchar\b|::|\bfilter \(", re.IGNORECASE
)


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Linter:
    """A linter with the project's own settings, but for the dialect and dbt's target."""
    dialect = tmp_path_factory.mktemp("sqlfluff") / "bigquery.cfg"
    dialect.write_text(
        "[sqlfluff]\ndialect = bigquery\n"
        '[sqlfluff:templater:jinja:context]\ntarget = {"type": "bigquery"}\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)  # where .sqlfluff and the macros that it names are
        return Linter(config=FluffConfig.from_root(extra_config_path=str(dialect)))


def test_models_and_reconciliations_of_the_pipelines_are_among_them() -> None:
    found = Counter(path.parent.relative_to(DBT).as_posix() for path in QUERIES)
    assert found["models/ecommerce/gold"] == 8
    assert found["tests/reconciliation/ecommerce"] == 5
    assert found["models/clickstream/gold"] == 12
    assert found["tests/reconciliation/clickstream"] == 2
    assert found["models/retail/gold"] == 5
    assert found["tests/reconciliation/retail"] == 2
    assert found["models/coordination/gold"] == 6
    assert found["tests/reconciliation/coordination"] == 1


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_query_parses_with_the_types_of_bigquery(
    linter: Linter, query: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    parsed = linter.parse_string(query.read_text(), fname=str(query), config=linter.config)
    assert [str(problem) for problem in parsed.violations] == []
    variant = parsed.root_variant()
    assert variant is not None
    assert variant.tree is not None
    assert list(variant.tree.recursive_crawl("unparsable")) == []
    assert DUCKDB_ONLY.findall(variant.tree.raw) == []
