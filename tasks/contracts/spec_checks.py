"""What a specification must satisfy beyond the shape of its entries.

Belongs here: checks across entries (a foreign key names a table that exists ...), each problem
as `path: what is wrong; what was probably meant`. Does not belong here: reading YAML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tasks.contracts.feed_checks import feed_problems
from tasks.contracts.names import did_you_mean
from tasks.contracts.pii_checks import pii_problems
from tasks.contracts.source_mapping import mapping_problems
from tasks.contracts.spec import INGESTION_DATE, Spec, Table

Seen = dict[str, int]


def spec_problems(spec: Spec) -> list[str]:
    """Return every problem of `spec`, each with its path (`tables[3].key[0]: ...`)."""
    return [
        *_tables(spec),
        *_dimensions(spec),
        *_transforms(spec),
        *_gold(spec),
        *_retention(spec),
        *pii_problems(spec),
        *_chart(spec),
    ]


def _duplicates(path: str, names: Iterable[str], what: str) -> Iterator[str]:
    seen: Seen = {}
    for index, name in enumerate(names):
        if name in seen:
            yield (
                f"{path}[{index}].name: {what} '{name}' is declared twice "
                f"(see {path}[{seen[name]}])"
            )
        seen.setdefault(name, index)


def _tables(spec: Spec) -> Iterator[str]:
    yield from _duplicates("tables", (t.name for t in spec.tables), "table")
    names = [table.name for table in spec.tables]
    for index, table in enumerate(spec.tables):
        path = f"tables[{index}]"
        if table.feed is not None:
            yield from feed_problems(path, table)
            continue
        yield from _columns(path, table)
        yield from _partition(path, table)
        yield from _rules(path, table)
        for number, key in enumerate(table.foreign_keys):
            yield from _foreign_key(f"{path}.foreign_keys[{number}]", spec, table, index, number)
            if key.references in names and key.exempt_prefixes:
                column = next((c for c in table.columns if c.name == key.column), None)
                if column is not None and column.type != "string":
                    yield (
                        f"{path}.foreign_keys[{number}].exempt_prefixes: "
                        f"{key.column} is {column.type}; only strings have prefixes"
                    )
        yield from _business_date(path, table)
        yield from _view(path, table)
        if table.source is not None:
            received = [column.name for column in table.columns]
            yield from mapping_problems(f"{path}.source", table.source, received, table.landing)


def _view(path: str, table: Table) -> Iterator[str]:
    """A row model judges received texts, and a view needs to be told which rows it leaves out."""
    columns = [column.name for column in table.columns]
    if table.latest_by is not None and table.latest_by not in columns:
        hint = did_you_mean(table.latest_by, columns)
        yield f"{path}.latest_by: no column '{table.latest_by}'{hint}"
    if (table.silver_as == "view") != (table.row_model is not None):
        yield f"{path}.silver_as: a view and a row_model go together; say both or neither"
    if table.row_model is None:
        return
    if table.rules:
        yield f"{path}.rules: the row_model judges rows; leave rules out"
    if table.derived is None:
        yield f"{path}.derived: a view has a model of its own; list its columns"
    if table.landing == "lines":
        yield f"{path}.landing: a row_model judges rows, not lines"
    for number, column in enumerate(table.columns):
        if column.type != "string":
            yield f"{path}.columns[{number}].type: a row_model judges texts; say string"


def _columns(path: str, table: Table) -> Iterator[str]:
    columns = [column.name for column in table.columns]
    yield from _duplicates(f"{path}.columns", columns, "column")
    for number, column in enumerate(table.columns):
        if column.name in table.audit_columns:
            yield f"{path}.columns[{number}].name: '{column.name}' is an audit column, always there"
        if column.name == INGESTION_DATE:
            yield (
                f"{path}.columns[{number}].name: '{column.name}' is computed for every silver table"
            )
        allowed = {"timestamp": ["string"], "money": ["float", "string"], "integer": ["string"]}
        if column.becomes is not None and column.type not in allowed[column.becomes]:
            yield (
                f"{path}.columns[{number}].becomes: only a {' or '.join(allowed[column.becomes])} "
                f"becomes {column.becomes}, and {column.name} is {column.type}"
            )
        if column.lower and column.silver_type != "string":
            yield f"{path}.columns[{number}].lower: {column.name} is {column.silver_type}, no text"
    for number, name in enumerate(table.key):
        if name not in columns:
            yield f"{path}.key[{number}]: no column '{name}'{did_you_mean(name, columns)}"
        elif table.row_model is None and not _never_null(table, name):
            yield (
                f"{path}.key[{number}]: no rule keeps '{name}' from being NULL; "
                "add a not_null or positive rule for it"
            )
    for name in table.gates.max_null_rates:
        if name not in columns:
            yield f"{path}.gates.max_null_rates: no column '{name}'{did_you_mean(name, columns)}"


def _partition(path: str, table: Table) -> Iterator[str]:
    types = {column.name: column.type for column in table.columns}
    partition = table.partition
    if table.landing == "lines" and partition.kind != "value":
        yield f"{path}.partition.kind: lines are partitioned by the value of a column; say value"
    elif partition.kind == "value" and partition.column not in types:
        yield (
            f"{path}.partition.column: rows are partitioned by a value, and there is no column "
            f"'{partition.column}'{did_you_mean(partition.column, types)}"
        )
    elif table.landing == "lines" and types[partition.column] != "string":
        yield f"{path}.partition.column: '{partition.column}' is {types[partition.column]}, no text"


def _never_null(table: Table, column: str) -> bool:
    return any(
        column
        in (r.not_null, r.positive, r.not_after_run_date, *(r.one_of or ()), *(r.between or ()))
        for r in table.rules
    )


def _rules(path: str, table: Table) -> Iterator[str]:
    types = {column.name: column.silver_type for column in table.columns}
    yield from _duplicates(f"{path}.rules", (rule.name for rule in table.rules), "rule")
    for number, rule in enumerate(table.rules):
        ((kind, _),) = rule.checks.items()
        wanted = {
            "not_negative": ("integer", "float", "money"),
            "positive": ("integer", "float", "money"),
            "not_after_run_date": ("timestamp",),
            "matches": ("string",),
            "one_of": ("string",),
            "between": ("integer", "float", "money"),
        }.get(kind)
        for name in rule.columns:
            if name not in types:
                yield (
                    f"{path}.rules[{number}].{kind}: no column '{name}'{did_you_mean(name, types)}"
                )
            elif wanted is not None and types[name] not in wanted:
                yield (
                    f"{path}.rules[{number}].{kind}: {name} is {types[name]}, "
                    f"not {' or '.join(wanted)}"
                )


def _foreign_key(path: str, spec: Spec, table: Table, index: int, number: int) -> Iterator[str]:
    key = table.foreign_keys[number]
    columns = [column.name for column in table.columns]
    if key.column not in columns:
        yield f"{path}.column: no column '{key.column}'{did_you_mean(key.column, columns)}"
    names = [t.name for t in spec.tables]
    if key.references not in names:
        yield f"{path}.references: no table '{key.references}'{did_you_mean(key.references, names)}"
    elif len(spec.table(key.references).key) != 1:
        yield f"{path}.references: the key of '{key.references}' has more than one column"
    elif names.index(key.references) >= index:
        yield (
            f"{path}.references: '{key.references}' stands after '{table.name}'; "
            "list parents before their children"
        )


def _business_date(path: str, table: Table) -> Iterator[str]:
    date = table.business_date
    if date is None:
        return
    types = {column.name: column.silver_type for column in table.columns}
    if date.name in types or date.name in table.audit_columns:
        yield f"{path}.business_date.name: '{date.name}' is a received column already"
    if date.day_of is not None and types.get(date.day_of) != "timestamp":
        yield f"{path}.business_date.day_of: '{date.day_of}' is no timestamp column"
    keys = [key.column for key in table.foreign_keys]
    if date.of_parent is not None and date.of_parent not in keys:
        yield (
            f"{path}.business_date.of_parent: no foreign key on '{date.of_parent}'"
            f"{did_you_mean(date.of_parent, keys)}"
        )


def _dimensions(spec: Spec) -> Iterator[str]:
    names = [table.name for table in spec.tables]
    yield from _duplicates("dimensions", (d.name for d in spec.dimensions), "dimension")
    for index, dimension in enumerate(spec.dimensions):
        if dimension.table not in names:
            yield (
                f"dimensions[{index}].table: no table '{dimension.table}'"
                f"{did_you_mean(dimension.table, names)}"
            )


def published_inputs(spec: Spec) -> set[str]:
    """Names that a transform may read: `silver.<table>`, `dims.<dimension>`, seeds aside."""
    feeds = [table.feed for table in spec.tables if table.feed is not None]
    beside = {f"silver.{b.name}" for feed in feeds for b in feed.beside if not b.internal}
    tables = {f"silver.{t.name}" for t in spec.tables} | beside
    return tables | {f"dims.{d.name}" for d in spec.dimensions}


def _transforms(spec: Spec) -> Iterator[str]:
    yield from _duplicates("transforms", (t.name for t in spec.transforms), "transform")
    tables = {name for t in spec.tables for name in (t.name, t.quarantine_name)}
    for index, transform in enumerate(spec.transforms):
        if transform.name in tables:
            yield f"transforms[{index}].name: '{transform.name}' is a silver table already"
    known = published_inputs(spec)
    later = {f"enriched.{t.name}" for t in spec.transforms}
    for index, transform in enumerate(spec.transforms):
        path = f"transforms[{index}]"
        wanted = list(transform.inputs.items())
        if transform.checks.rows_equal is not None:
            wanted.append(("rows_equal", transform.checks.rows_equal))
        for argument, name in wanted:
            where = f"{path}.inputs.{argument}"
            if argument == "rows_equal":
                where = f"{path}.checks.rows_equal"
            if name in later and name not in known:
                yield f"{where}: '{name}' is computed later; list transforms in dependency order"
            elif name not in known and not name.startswith("seeds."):
                yield f"{where}: no table '{name}'{did_you_mean(name, known | later)}"
        known.add(f"enriched.{transform.name}")


def _gold(spec: Spec) -> Iterator[str]:
    yield from _duplicates("gold", (fact.name for fact in spec.gold), "fact")
    known = published_inputs(spec) | {f"enriched.{t.name}" for t in spec.transforms}
    for index, fact in enumerate(spec.gold):
        for number, name in enumerate(fact.inputs):
            if name not in known:
                hint = did_you_mean(name, known)
                yield f"gold[{index}].inputs[{number}]: no table '{name}'{hint}"


def _retention(spec: Spec) -> Iterator[str]:
    """Bronze may only be forgotten by tables that do not build on what a release has made of it."""
    if spec.retention.bronze_days is None:
        return
    for table in spec.tables:
        if table.silver_as == "view" and table.partition.kind != "landing":
            yield (
                f"retention.bronze_days: {table.name} is partitioned by {table.partition.column}; "
                "what is landed again after it expired needs partitions of its own, kind landing"
            )
        elif table.silver_as != "view" and table.landing != "records":
            yield (
                f"retention.bronze_days: runs add new rows to silver of {table.name}, and compute "
                "it from all of bronze when rules change: rows that left bronze would leave or "
                "stay by chance; leave it out, or limit old versions by bronze_version_days"
            )
            return


def _chart(spec: Spec) -> Iterator[str]:
    known = published_inputs(spec) | {f"enriched.{t.name}" for t in spec.transforms}
    known |= {f"gold.{fact.name}" for fact in spec.gold if not fact.internal}
    if spec.chart is not None and spec.chart.deviation and not spec.chart.mean:
        yield "chart.deviation: the band needs a mean, too"
    if spec.chart is not None and spec.chart.table not in known:
        yield f"chart.table: no table '{spec.chart.table}'{did_you_mean(spec.chart.table, known)}"
