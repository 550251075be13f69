"""Column lineage of SQL: which columns of which tables each column of a query is made of.

Belongs here: pure functions from compiled queries and the columns of what they read. Does not
belong here: compiling SQL (dbt), and lineage of the Polars transforms (`transform_lineage.py`).

A query that cannot be resolved without doubt has no lineage; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from tasks.contracts.column_lineage import ROWS, ColumnLineage, Kind, Source, later, merged

Found = dict[Source, Kind]
_CONDITIONS = ("where", "group", "having", "qualify", "order", "distinct")


def lineage_of_models(
    models: Sequence[tuple[str, str]], columns: Mapping[str, Sequence[str]], dialect: str = "duckdb"
) -> dict[str, ColumnLineage]:
    """Return the lineage of each of `models` (`layer.table` and its SQL, what is read first first).

    `columns` are those of the tables that stand for themselves. A model that is none of them is
    seen through: what reads it is made of what it is made of. Models whose SQL cannot be resolved
    are left out, and so is what reads them.
    """
    known = {name: list(names) for name, names in columns.items()}
    through: dict[str, ColumnLineage] = {}
    told: dict[str, ColumnLineage] = {}
    for name, sql in models:
        read = {table: names for table, names in known.items() if table != name}
        found = lineage_of_query(sql, read, dialect)
        if found is None:
            known.pop(name, None)
            through.pop(name, None)
            continue
        found = _seen_through(found, through)
        if name in columns:
            told[name] = found
            continue
        known[name] = list(found.columns)
        through[name] = found
    return told


def lineage_of_query(
    sql: str, columns: Mapping[str, Sequence[str]], dialect: str = "duckdb"
) -> ColumnLineage | None:
    """Return the lineage of a query over tables with `columns`; None if it cannot be told."""
    schema: dict[str, object] = {}
    for layer in {name.partition(".")[0] for name in columns}:
        own = {n.partition(".")[2]: c for n, c in columns.items() if n.startswith(f"{layer}.")}
        schema[layer] = {table: dict.fromkeys(names, "varchar") for table, names in own.items()}
    try:
        tree = parse_one(sql, dialect=dialect)
        for read in tree.find_all(exp.Table):
            read.set("catalog", None)
        qualified = qualify(tree, dialect=dialect, schema=schema, quote_identifiers=False)
        scope = build_scope(qualified)
        if scope is None:
            return None
        tracer = _Tracer(scope)
        outputs = {
            name: tracer.of_output(scope, place) for place, name in enumerate(_outputs(scope))
        }
        return ColumnLineage(outputs, frozenset(tracer.of_rows(scope)))
    except (SqlglotError, _UntoldError, RecursionError):
        return None


class _UntoldError(Exception):
    """The query has something of which this module cannot say where it comes from."""


class _Tracer:
    """Follows columns from a scope down to the tables that it reads; remembers what it found."""

    def __init__(self, root: Scope) -> None:
        self._scopes = {id(scope.expression): scope for scope in root.traverse()}
        self._outputs: dict[tuple[int, int], Found] = {}
        self._rows: dict[int, set[Source]] = {}

    def of_output(self, scope: Scope, place: int) -> Found:
        """What the column at `place` of a scope is made of."""
        key = (id(scope), place)
        if key not in self._outputs:
            self._outputs[key] = {}  # a recursive query meets itself
            self._outputs[key] = self._traced(scope, place)
        return self._outputs[key]

    def _traced(self, scope: Scope, place: int) -> Found:
        if scope.set_operation_scopes:
            places = [place, place]
            if scope.expression.args.get("by_name"):
                name = list(_outputs(scope))[place]
                names = [list(_outputs(part)) for part in scope.set_operation_scopes]
                if any(name not in each for each in names):
                    raise _UntoldError(name)
                places = [each.index(name) for each in names]
            parts = zip(scope.set_operation_scopes, places, strict=True)
            return merged(self.of_output(part, at) for part, at in parts)
        projection = _query(scope).selects[place].unalias()
        return self._of_expression(scope, projection)

    def _of_expression(self, scope: Scope, expression: exp.Expr) -> Found:
        kind: Kind = "TRANSFORMATION"
        if isinstance(expression, exp.Column):
            kind = "IDENTITY"
        elif expression.find(exp.AggFunc):
            kind = "AGGREGATION"
        found = merged(self._of_column(scope, each) for each in expression.find_all(exp.Column))
        told: Found = {source: later(kind, inner) for source, inner in found.items()}
        if _counts_rows(expression) or (kind == "AGGREGATION" and not told):
            told |= dict.fromkeys(((table, ROWS) for table in _tables(scope)), "AGGREGATION")
        return told

    def _of_column(self, scope: Scope, column: exp.Column) -> Found:
        if not column.table:  # a condition may name an output
            return self.of_output(scope, _place(scope, column))
        # Of a query within a condition the own tables come first, then those around it.
        owner: Scope | None = self._scopes.get(id(column.parent_select), scope)
        source = None
        while owner is not None and source is None:
            source, owner = owner.sources.get(column.table), owner.parent
        if isinstance(source, exp.Table):
            return {(f"{source.db}.{source.name}", column.name): "IDENTITY"}
        if not isinstance(source, Scope):
            raise _UntoldError(column.sql())
        if source.is_udtf:  # rows of a list: they come from what the list is made of
            inner = list(source.expression.find_all(exp.Column))
            return merged(self._of_column(scope, each) for each in inner)
        return self.of_output(source, _place(source, column))

    def of_rows(self, scope: Scope) -> set[Source]:
        """The columns that decide which rows there are, and in which groups."""
        if id(scope) in self._rows:
            return self._rows[id(scope)]
        self._rows[id(scope)] = set()
        found: set[Source] = set()
        inner: Iterable[object] = scope.set_operation_scopes
        if not scope.set_operation_scopes:
            arguments = scope.expression.args
            conditions = [arguments[name] for name in _CONDITIONS if arguments.get(name)]
            joins = arguments.get("joins") or ()
            conditions += [join.args["on"] for join in joins if join.args.get("on")]
            for condition in conditions:
                sources = self._of_expression(scope, condition)
                found |= {source for source in sources if source[1] != ROWS}
            inner = [source for _, source in scope.selected_sources.values()]
        for source in inner:
            if isinstance(source, Scope) and not source.is_udtf:
                found |= self.of_rows(source)
        self._rows[id(scope)] = found
        return found


def _place(scope: Scope, column: exp.Column) -> int:
    names = list(_outputs(scope))
    if column.name not in names:
        raise _UntoldError(column.sql())
    return names.index(column.name)


def _counts_rows(expression: exp.Expr) -> bool:
    return any(isinstance(count.this, exp.Star | None) for count in expression.find_all(exp.Count))


def _tables(scope: Scope) -> set[str]:
    """The tables whose rows, in the end, are those that a scope reads."""
    found = set()
    inner: Iterable[object] = scope.set_operation_scopes
    if not scope.set_operation_scopes:
        inner = [source for _, source in scope.selected_sources.values()]
    for source in inner:
        if isinstance(source, exp.Table):
            found.add(f"{source.db}.{source.name}")
        elif isinstance(source, Scope) and not source.is_udtf:
            found |= _tables(source)
    return found


def _outputs(scope: Scope) -> Iterable[str]:
    first = scope.set_operation_scopes[0] if scope.set_operation_scopes else scope
    if first.set_operation_scopes:
        return _outputs(first)
    selects = _query(first).selects
    if any(projection.is_star or projection.find(exp.Columns) for projection in selects):
        raise _UntoldError("columns of an unknown table, or that a pattern chooses")
    return [projection.alias_or_name for projection in selects]


def _query(scope: Scope) -> exp.Query:
    return cast("exp.Query", scope.expression)


def _seen_through(found: ColumnLineage, through: Mapping[str, ColumnLineage]) -> ColumnLineage:
    """Replace columns of models that do not stand for themselves by what those are made of."""

    def followed(sources: Mapping[Source, Kind]) -> Found:
        result: list[Mapping[Source, Kind]] = []
        for (table, column), kind in sources.items():
            if table not in through:
                result.append({(table, column): kind})
                continue
            inner = through[table].columns.get(column, {})
            if column == ROWS or (kind == "AGGREGATION" and not inner):
                tables = {read for read, _ in through[table].sources}
                inner = dict.fromkeys(((read, ROWS) for read in tables), kind)
            result.append({source: later(kind, k) for source, k in inner.items()})
        return merged(result)

    read = {table for table, _ in found.sources if table in through}
    rows = set(followed(dict.fromkeys(found.rows, "IDENTITY")))
    for table in read:
        rows |= through[table].rows
    return ColumnLineage(
        {column: followed(sources) for column, sources in found.columns.items()}, frozenset(rows)
    )
