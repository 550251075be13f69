"""The address of a table's result: another input gives another address, to it and to what reads it.

Belongs here: `tasks.result_keys`, and which code belongs to which table. Does not belong here:
taking results over (`test_table_results.py`, `faults/test_retried_runs.py`).
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.release import PublishedTable, Release
from tasks.contracts.spec import Spec
from tasks.logic_fingerprint import ROOT, logic_of_tables
from tasks.result_keys import Logic, result_keys
from tasks.run_base import Base, depends_on_the_day
from tasks.specs import load_spec
from tests.unit.release_builder import STARTED

SPEC, DAY = load_spec("ecommerce"), date(2024, 1, 6)
TABLES = [table.name for table in SPEC.tables]
TRANSFORMS = [transform.name for transform in SPEC.transforms]
INPUTS = {
    **{f"silver.{t.name}": {f"silver.{k.references}" for k in t.foreign_keys} for t in SPEC.tables},
    **{f"enriched.{t.name}": set(t.inputs.values()) for t in SPEC.transforms},
    **{f"gold.{fact.name}": set(fact.inputs) for fact in SPEC.gold},
}


def bronze(name: str, *identities: str) -> BronzeTable:
    files = (BronzeFile("u", 5, 9, (), identity) for identity in identities)
    return BronzeTable(name, tuple(files))


def snapshot(rows: int = 1) -> PublishedTable:
    return PublishedTable(columns={}, rows=rows, bytes=1, files=())


GIVEN: dict[str, Any] = {
    "spec": SPEC,
    "base": Base(None, "there is no release yet"),
    "inventory": {name: bronze(name, f"{name}|1", f"{name}|2") for name in TABLES},
    "snapshots": {f"dims.{d.name}": snapshot() for d in SPEC.dimensions},
    "logic": Logic("s", dict.fromkeys(TRANSFORMS, "t"), "g"),
    "run_date": DAY,
    "as_of": DAY,
}


def keys(**changes: Any) -> dict[str, str]:
    return result_keys(**(GIVEN | changes))


def reached(*changed: str) -> set[str]:
    """The tables among `changed`, and all that read them, directly or not."""
    found = set(changed)
    while more := {name for name, read in INPUTS.items() if name not in found and read & found}:
        found |= more
    return found & set(INPUTS)


def differing(changed: Mapping[str, str]) -> set[str]:
    before = keys()
    assert before.keys() == changed.keys() == INPUTS.keys()
    return {name for name, key in changed.items() if key != before[name]}


def of_layer(layer: str) -> list[str]:
    return [name for name in INPUTS if name.startswith(f"{layer}.")]


def with_bronze(name: str, identities: tuple[str, ...]) -> dict[str, Any]:
    return {"inventory": {**GIVEN["inventory"], name: bronze(name, *identities)}}


def respecified(edit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    said = SPEC.model_dump(mode="json")
    edit(said)
    return {"spec": Spec.model_validate(said)}


def parameter_of(number: int) -> dict[str, Any]:
    def edit(said: dict[str, Any]) -> None:
        said["transforms"][number]["parameters"]["another"] = 1

    return respecified(edit)


def lower_column_of(number: int) -> dict[str, Any]:
    def edit(said: dict[str, Any]) -> None:
        column = said["tables"][number]["columns"][0]
        column["lower"] = not column["lower"]

    return respecified(edit)


def key_of_fact(number: int) -> dict[str, Any]:
    def edit(said: dict[str, Any]) -> None:
        said["gold"][number]["key"].append("another")

    return respecified(edit)


def release() -> Release:
    return Release(
        pipeline="ecommerce",
        release=1,
        previous=None,
        run_id="r",
        run_date=DAY,
        created_at=STARTED,
        spec_fingerprint="s",
        tables={},
    )


by_the_day = {f"silver.{table.name}" for table in SPEC.tables if depends_on_the_day(table)}
one_change = st.one_of(
    st.tuples(
        st.sampled_from(TABLES),
        st.lists(st.text(max_size=6), unique=True, max_size=3).map(tuple),
    ).map(lambda c: (with_bronze(*c), reached(f"silver.{c[0]}"))),
    st.integers(0, len(TABLES) - 1).map(
        lambda n: (lower_column_of(n), reached(f"silver.{TABLES[n]}"))
    ),
    st.sampled_from(SPEC.dimensions).map(
        lambda d: (
            {"snapshots": {**GIVEN["snapshots"], f"dims.{d.name}": snapshot(2)}},
            reached(f"dims.{d.name}"),
        )
    ),
    st.integers(0, len(TRANSFORMS) - 1).map(
        lambda n: (parameter_of(n), reached(f"enriched.{TRANSFORMS[n]}"))
    ),
    st.sampled_from(TRANSFORMS).map(
        lambda name: (
            {"logic": replace(GIVEN["logic"], transforms={**GIVEN["logic"].transforms, name: "x"})},
            reached(f"enriched.{name}"),
        )
    ),
    st.integers(0, len(SPEC.gold) - 1).map(
        lambda n: (key_of_fact(n), reached(f"gold.{SPEC.gold[n].name}"))
    ),
    st.just(({"logic": replace(GIVEN["logic"], silver="x")}, reached(*of_layer("silver")))),
    st.just(({"logic": replace(GIVEN["logic"], gold="x")}, set(of_layer("gold")))),
    st.just(
        (
            {"run_date": date(2024, 1, 7)},
            reached(*by_the_day, *of_layer("enriched"), *of_layer("gold")),
        )
    ),
    st.just(({"as_of": None}, set(of_layer("gold")))),
    st.just(({"mask": "another key"}, set(of_layer("gold")))),
    st.just(({"base": Base(release())}, set(INPUTS))),
    st.just(({"bronze": "s3://elsewhere"}, set(INPUTS))),
)


@given(one_change)
def test_any_change_of_an_input_changes_the_keys_of_all_that_it_reaches_and_no_others(
    change: tuple[dict[str, Any], set[str]],
) -> None:
    changes, expected = change
    found = keys(**changes)
    assert differing(found) == expected
    assert len(set(found.values())) == len(found)


def test_two_releases_are_two_bases_and_the_reason_for_having_none_is_none() -> None:
    first, second = release(), release().model_copy(update={"release": 2})
    assert set(keys(base=Base(first)).values()).isdisjoint(keys(base=Base(second)).values())
    assert keys(base=Base(None, "a full refresh was asked for")) == keys()


def test_what_only_judges_a_table_is_not_part_of_its_key() -> None:
    def edit(said: dict[str, Any]) -> None:
        said["tables"][0]["gates"]["max_quarantine_rate"] = 0.5
        said["transforms"][0]["checks"]["min_rows"] = 3
        said["gold"][0]["min_rows"] = 3
        said["retention"]["gold_days"] = 70

    assert keys(**respecified(edit)) == keys()


def test_tables_with_inputs_that_are_not_known_yet_have_no_key() -> None:
    everything = set(INPUTS)
    assert set(keys(arriving=["orders"])) == everything - reached("silver.orders")
    assert set(keys(snapshots={})) == everything - reached(*GIVEN["snapshots"])


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code that decides what tables hold."""
    root = tmp_path_factory.mktemp("code")
    for folder in ("dbt", "tasks"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "target")
        )
    return root


@pytest.mark.parametrize(
    ("path", "silver", "transforms", "gold"),
    [
        ("dbt/models/ecommerce/silver/orders.sql", True, set(), False),
        ("dbt/models/ecommerce/gold/fct_daily_dashboard.sql", False, set(), True),
        ("dbt/macros/published.sql", True, set(), True),
        ("dbt/seeds/region_tax_rates.csv", True, set(TRANSFORMS), True),
        ("tasks/transforms/inventory_risk.py", False, {"inventory_risk"}, False),
        (
            "tasks/transforms/cart_contents.py",
            False,
            {"attributed_purchases", "cart_attribution"},
            False,
        ),
        ("dbt/models/clickstream/silver/events_cleaned.sql", False, set(), False),
    ],
)
def test_code_belongs_to_the_tables_that_it_computes(
    code: Path, path: str, silver: bool, transforms: set[str], gold: bool
) -> None:
    before = logic_of_tables(SPEC, code)
    assert before == logic_of_tables(SPEC)
    content = (code / path).read_bytes()
    (code / path).write_bytes(content + b"\n")
    after = logic_of_tables(SPEC, code)
    (code / path).write_bytes(content)
    assert (after.silver != before.silver, after.gold != before.gold) == (silver, gold)
    changed = {n for n, print_ in after.transforms.items() if print_ != before.transforms[n]}
    assert changed == transforms


def test_runs_of_one_process_may_ask_for_their_code_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever searches drops what Python remembers of paths without modules, and each once."""
    alone, begin = logic_of_tables(SPEC), threading.Barrier(4)
    remembered = {f"/no/such/path/{number}": None for number in range(100_000)}
    monkeypatch.setattr(sys, "path_importer_cache", sys.path_importer_cache | remembered)

    def ask(_: int) -> bool:
        begin.wait()
        return logic_of_tables(SPEC) == alone

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, range(4))) == [True] * 4
    finally:
        sys.setswitchinterval(usual)
