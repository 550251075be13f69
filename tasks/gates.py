"""Gates: judging what a layer holds against the thresholds of the specification.

Belongs here: pure functions from figures to `GateResult`s, and stopping a run on a breach. Does
not belong here: computing the figures, or writing the results.

Integrity (lost rows, wrong schemas, unreadable files, duplicate keys) stops a run in every mode;
thresholds (rates) stop it in mode `strict` and are reported in mode `warn`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tasks.bronze_inventory import BronzeTable
from tasks.contracts.errors import AccountingError, BronzeError, GateError
from tasks.contracts.release import PublishedTable, SilverCounts
from tasks.contracts.run_record import GateMode, GateResult
from tasks.contracts.spec import Spec, Table

SQL_NAMES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "money": "DECIMAL(18,2)",
}
BRONZE_CHECKS = ("manifest", "files_present", "readable", "manifest_rows", "sha256", "schema")


def share(part: int, whole: int, *, of_nothing: float) -> float:
    """Return part / whole, or `of_nothing` when there is nothing to share."""
    return part / whole if whole else of_nothing


def bronze_gates(spec: Spec, table: BronzeTable) -> list[GateResult]:
    """Judge what manifests and files of one table say; every check stops the run."""
    results = []
    for check in BRONZE_CHECKS:
        problems = [problem.message for problem in table.problems if problem.check == check]
        results.append(
            _integrity("bronze", table.name, check, not problems, len(problems), 0, problems)
        )
    wanted = spec.gate_thresholds(table.name).min_rows
    absent = [problem.message for problem in table.problems if problem.check == "min_rows"]
    enough = table.rows >= wanted and not absent
    message = absent or [f"{table.name}: bronze has {table.rows} rows, at least {wanted} expected"]
    results.append(
        _integrity("bronze", table.name, "min_rows", enough, table.rows, wanted, message)
    )
    return results


def silver_gates(
    spec: Spec,
    table: Table,
    counts: SilverCounts,
    bronze_rows: int,
    silver: PublishedTable,
    quarantine: PublishedTable,
    null_rates: Mapping[str, float],
    mode: GateMode,
) -> list[GateResult]:
    """Judge one silver table: accounting, keys, foreign keys, quarantine, schema, NULLs."""
    name, limits = table.name, spec.gate_thresholds(table.name)
    lost = bronze_rows - silver.rows - quarantine.rows - counts.superseded
    unbroken = counts.bronze - (counts.quarantined - counts.orphans)
    rate = share(quarantine.rows, bronze_rows, of_nothing=0.0)
    expected = {c: SQL_NAMES[kind] for c, kind in spec.silver_columns(name).items()}
    wrong = schema_differences(expected, silver.columns)
    unique = share(counts.distinct_keys, silver.rows, of_nothing=1.0)
    results = [
        _integrity(
            "silver",
            name,
            "unexplained_rows",
            lost == 0,
            lost,
            0,
            [
                f"{name}: {bronze_rows} bronze rows are not {silver.rows} silver + "
                f"{quarantine.rows} quarantined + {counts.superseded} superseded"
            ],
        ),
        _integrity(
            "silver",
            name,
            "pk_uniqueness",
            unique == 1.0,
            unique,
            1.0,
            [
                f"{name}: {silver.rows} rows have {counts.distinct_keys} keys "
                f"({', '.join(table.key)})"
            ],
        ),
        _integrity("silver", name, "schema", not wrong, len(wrong), 0, wrong),
        _integrity(
            "silver",
            name,
            "min_rows",
            silver.rows >= limits.min_rows,
            silver.rows,
            limits.min_rows,
            [f"{name}: {silver.rows} valid rows, at least {limits.min_rows} expected"],
        ),
        _threshold(
            "silver",
            name,
            "quarantine_rate",
            rate <= limits.max_quarantine_rate,
            rate,
            limits.max_quarantine_rate,
            mode,
            f"{name}: {quarantine.rows} of {bronze_rows} rows quarantined; "
            f"see `medallion quarantine {spec.pipeline} {name}`",
        ),
    ]
    if table.foreign_keys:
        # Not 1 - orphans / rows: that is off by a rounding error just where the threshold lies.
        kept = share(unbroken - counts.orphans, unbroken, of_nothing=1.0)
        results.append(
            _threshold(
                "silver",
                name,
                "fk_integrity",
                kept >= limits.min_fk_integrity,
                kept,
                limits.min_fk_integrity,
                mode,
                f"{name}: {counts.orphans} rows have no parent",
            )
        )
    results += null_rate_gates("silver", name, table.gates.max_null_rates, null_rates, mode)
    return results


def null_rate_gates(
    layer: str,
    name: str,
    limits: Mapping[str, float],
    observed: Mapping[str, float],
    mode: GateMode,
) -> list[GateResult]:
    """Judge the share of NULLs of the columns that have a limit."""
    return [
        _threshold(
            layer,
            name,
            f"null_rate.{column}",
            observed[column] <= limit,
            observed[column],
            limit,
            mode,
            f"{name}.{column}: {observed[column]:.2%} of the rows are NULL",
        )
        for column, limit in limits.items()
    ]


def schema_differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Say in which columns, types or order `found` is not `expected`."""
    if list(expected.items()) == list(found.items()):
        return []
    lines = [f"column '{c}' is missing" for c in expected if c not in found]
    lines += [f"column '{c}' is not in the contract" for c in found if c not in expected]
    lines += [
        f"column '{c}' is {found[c]}, not {expected[c]}"
        for c in expected
        if c in found and found[c] != expected[c]
    ]
    return lines or [f"the columns stand in another order: {', '.join(found)}"]


def row_gates(
    layer: str, name: str, rows: int, *, min_rows: int, rows_equal: tuple[str, int] | None = None
) -> list[GateResult]:
    """Judge the number of rows of an enriched or gold table."""
    results = [
        _integrity(
            layer,
            name,
            "min_rows",
            rows >= min_rows,
            rows,
            min_rows,
            [f"{name}: {rows} rows, at least {min_rows} expected"],
        )
    ]
    if rows_equal is not None:
        other, wanted = rows_equal
        results.append(
            _integrity(
                layer,
                name,
                f"rows_equal.{other}",
                rows == wanted,
                rows,
                wanted,
                [f"{name}: {rows} rows, but {other} has {wanted}"],
            )
        )
    return results


def outcome(
    layer: str, name: str, check: str, problems: Sequence[str], observed: int | float | None = None
) -> GateResult:
    """A check that stops the run if there is any problem."""
    count = len(problems) if observed is None else observed
    return _integrity(layer, name, check, not problems, count, 0, problems)


def judged(
    layer: str,
    name: str,
    check: str,
    *,
    passed: bool,
    observed: int | float,
    threshold: int | float,
    mode: GateMode,
    message: str,
) -> GateResult:
    """A threshold, judged in `mode`."""
    return _threshold(layer, name, check, passed, observed, threshold, mode, message)


def enforce(results: Iterable[GateResult]) -> None:
    """Raise if a result stops the run: BronzeError, AccountingError or GateError, naming each."""
    stopping = [result for result in results if result.status == "fail"]
    if not stopping:
        return
    lines = [
        f"{r.layer}.{r.table}: {r.check} is {r.observed}, allowed {r.threshold}"
        + (f"; {r.message}" if r.message else "")
        for r in stopping
    ]
    if stopping[0].layer == "bronze":
        raise BronzeError("\n".join(line.partition("; ")[2] or line for line in lines))
    if any(r.check == "unexplained_rows" for r in stopping):
        raise AccountingError("\n".join(lines))
    raise GateError("\n".join(lines))


def _integrity(
    layer: str,
    table: str,
    check: str,
    passed: bool,
    observed: float | int,
    threshold: float | int,
    messages: Sequence[str],
) -> GateResult:
    return GateResult(
        layer=layer,
        table=table,
        check=check,
        status="pass" if passed else "fail",
        observed=observed,
        threshold=threshold,
        message="" if passed else "\n".join(messages[:10]),
    )


def _threshold(
    layer: str,
    table: str,
    check: str,
    passed: bool,
    observed: float | int,
    threshold: float | int,
    mode: GateMode,
    message: str,
) -> GateResult:
    breach = "fail" if mode == "strict" else "warn"
    return GateResult(
        layer=layer,
        table=table,
        check=check,
        status="pass" if passed else breach,
        observed=observed,
        threshold=threshold,
        message="" if passed else message,
    )
