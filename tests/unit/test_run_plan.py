"""What a run would do, decided from its base, bronze and snapshots.

Belongs here: the pure decisions of `tasks.run_plan`. Does not belong here: that runs do as planned
(`tests/integration/test_planned_runs.py`).
"""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.release import PublishedTable, Release
from tasks.run_base import Base, computed_tables
from tasks.run_plan import RunPlan, SnapshotPlan, plan_run
from tasks.specs import load_spec
from tests.unit.release_builder import STARTED

SPEC, DAY = load_spec("ecommerce"), date(2024, 1, 2)
NAMES = [table.name for table in SPEC.tables]
STAGES = ("bronze", "dimensions", "silver", "enriched", "gold")
SNAPSHOT = PublishedTable(columns={}, rows=1, bytes=1, files=())
FRESH = {d.name: SnapshotPlan(False, "fresh", SNAPSHOT) for d in SPEC.dimensions}


def bronze(new: frozenset[str] = frozenset()) -> dict[str, BronzeTable]:
    seen = {name: [BronzeFile("u", 5, 9, (), f"{name}|seen")] for name in NAMES}
    for name in new:
        seen[name].append(BronzeFile("v", 7, 9, (), f"{name}|new"))
    return {name: BronzeTable(name, tuple(files)) for name, files in seen.items()}


def base(run_date: date = DAY, as_of: date | None = DAY) -> Base:
    tables = dict.fromkeys(computed_tables(SPEC), PublishedTable(**SNAPSHOT.model_dump()))
    tables |= {f"dims.{d.name}": SNAPSHOT for d in SPEC.dimensions}
    return Base(
        Release(
            pipeline="ecommerce",
            release=7,
            previous=6,
            run_id="r",
            run_date=run_date,
            as_of=as_of,
            created_at=STARTED,
            spec_fingerprint="s",
            bronze={name: (f"{name}|seen",) for name in NAMES},
            tables=tables,
        )
    )


def plan(on: Base, new: frozenset[str] = frozenset(), **changed: object) -> RunPlan:
    options = {
        "run_date": DAY,
        "as_of": DAY,
        "environment": "local",
        "stages": STAGES,
        "publishes": True,
        "follows": 7,
        "snapshots": FRESH,
    }
    return plan_run(SPEC, on, bronze(new), **(options | changed))  # type: ignore[arg-type]


def actions(found: RunPlan) -> dict[str, str]:
    return {name: table.action for name, table in found.tables.items()}


def test_the_same_bronze_on_the_same_day_is_kept_from_end_to_end() -> None:
    found = plan(base())
    assert set(actions(found).values()) == {"verify", "keep"}
    assert [stage.stage for stage in found.stages] == [*STAGES, "publish"]
    assert found.tables["silver.orders"].reason == "release 7 has seen its bronze"
    assert found.stages[-1].reason == "release 8, after release 7: all tables by one swap"


def test_without_a_base_everything_is_computed_and_the_reason_is_told() -> None:
    found = plan(Base(None, "a full refresh was asked for"), follows=None)
    derived = {n: t for n, t in found.tables.items() if n.split(".")[0] not in ("bronze", "dims")}
    assert {t.action for t in derived.values()} == {"compute"}
    assert {t.reason for t in derived.values()} == {"a full refresh was asked for"}
    assert list(derived) == [
        name for name in computed_tables(SPEC) if not name.endswith("_quarantine")
    ]


def test_a_new_file_reaches_its_children_and_what_reads_them() -> None:
    found = plan(base(), frozenset({"orders"}))
    shown = actions(found)
    assert found.tables["silver.orders"].reason == "1 new file, 7 rows"
    assert found.tables["silver.order_items"].reason == "refers to orders"
    assert shown["silver.customers"] == shown["silver.shopping_carts"] == "keep"
    assert shown["enriched.sales_velocity"] == "update"
    assert "silver.order_items" in found.tables["enriched.sales_velocity"].reason


def test_another_run_date_keeps_nothing_that_tells_it() -> None:
    shown = actions(plan(base(date(2024, 1, 1))))
    derived = [action for name, action in shown.items() if name.startswith(("enriched.", "gold."))]
    assert "keep" not in derived
    facts = plan(base(as_of=None)).tables
    assert {t.action for n, t in facts.items() if n.startswith("gold.")} == {"compute"}


def test_a_new_snapshot_reaches_what_reads_it() -> None:
    due = {**FRESH, "product_catalog": SnapshotPlan(True, "there is none")}
    found = plan(base(), snapshots=due)
    assert found.tables["dims.product_catalog"].action == "compute"
    readers = [t for t in SPEC.transforms if "dims.product_catalog" in t.inputs.values()]
    assert readers
    assert all(found.tables[f"enriched.{t.name}"].action != "keep" for t in readers)
    other = {name: SnapshotPlan(False, "fresh", None) for name in FRESH}
    assert "has another one" in plan(base(), snapshots=other).tables["dims.customers"].reason


def test_what_the_environment_leaves_out_is_said() -> None:
    found = plan(base(), stages=("bronze", "dimensions", "silver"), publishes=False)
    assert [stage.stage for stage in found.stages] == ["bronze", "dimensions", "silver"]
    assert found.left_out == {
        "enriched": "environment 'local' does not run it",
        "gold": "environment 'local' does not run it",
        "publish": "environment 'local' publishes nothing",
    }


def test_a_warehouse_is_loaded_after_the_publish_and_may_compute_gold() -> None:
    found = plan(base(), warehouse="load")
    assert [stage.stage for stage in found.stages] == [*STAGES, "publish", "warehouse"]
    assert found.left_out == {}
    found = plan(base(), warehouse="gold")
    assert [stage.stage for stage in found.stages] == [*STAGES[:-1], "publish", "warehouse"]
    assert found.left_out == {"gold": "the warehouse computes it, of what is published"}
    facts = {f"warehouse.{fact.name}" for fact in SPEC.gold}
    assert {table.table for table in found.stages[-1].tables} == facts
    found = plan(base(), warehouse="gold", stages=STAGES[:-1])
    assert found.left_out == {"gold": "environment 'local' does not run it"}
    assert found.stages[-1].tables == ()
    found = plan(base(), warehouse="load", publishes=False)
    assert found.left_out["warehouse"] == "nothing new is published"
    assert [stage.stage for stage in found.stages] == list(STAGES)


@given(new=st.frozensets(st.sampled_from(NAMES)), coming=st.frozensets(st.sampled_from(NAMES)))
def test_only_tables_whose_inputs_are_all_kept_are_kept(
    new: frozenset[str], coming: frozenset[str]
) -> None:
    found = plan(base(), new, arriving=dict.fromkeys(coming, 2))
    shown = actions(found)
    for name in new | coming:
        assert shown[f"silver.{name}"] == "update"
    for table in SPEC.tables:
        if shown[f"silver.{table.name}"] == "keep":
            assert all(shown[f"silver.{key.references}"] == "keep" for key in table.foreign_keys)
    inputs = {f"enriched.{t.name}": list(t.inputs.values()) for t in SPEC.transforms}
    inputs |= {f"gold.{fact.name}": list(fact.inputs) for fact in SPEC.gold}
    for name, read in inputs.items():
        kept = all(shown.get(each, "keep") == "keep" for each in read)
        assert (shown[name] == "keep") == kept
