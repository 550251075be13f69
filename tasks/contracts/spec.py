"""The specification of a pipeline: tables, dimensions, transforms, gold facts and gates.

Belongs here: the pydantic models of `flows/specs/<pipeline>.yml`. Does not belong here: reading
the file and rules that span several entries (`spec_loading.py`), or anything about where data
lies (that is the environment's).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.contracts.incremental import Incremental
from tasks.contracts.json_feed import FEED_AUDIT_COLUMNS, JsonFeed
from tasks.contracts.names import Name
from tasks.contracts.pii import Pii, PiiDefaults, with_defaults
from tasks.contracts.rules import Rule
from tasks.contracts.source_mapping import SourceMapping

ColumnType = Literal["string", "integer", "float", "boolean", "timestamp", "date", "money"]
Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Entry):
    """A column as it is received, and what it becomes in silver."""

    name: Name
    type: Literal["string", "integer", "float", "boolean", "timestamp"]
    becomes: Literal["timestamp", "money", "integer"] | None = Field(
        None, description="Silver type, where it differs from the received one."
    )
    lower: bool = Field(False, description="Fold to lower case after trimming.")
    description: str = ""

    @property
    def silver_type(self) -> ColumnType:
        return self.becomes or self.type


class Partition(_Entry):
    """How bronze lays a table out in folders `<column>=<value>`."""

    column: Name
    kind: Literal["date", "value", "landing"] = Field(
        description="A date partition is seen by runs of that date and later; values always, and "
        "so is the day of landing."
    )


class ForeignKey(_Entry):
    """A column whose value must be the key of a surviving row of another table."""

    column: Name
    references: Name = Field(description="The parent table; its key is one column.")
    exempt_prefixes: tuple[str, ...] = Field((), description="Values that need no parent.")


class BusinessDate(_Entry):
    """The date by which the business counts a row.

    Either the day of an own timestamp, or, where that is absent or NULL, the business date of the
    parent row that `of_parent` (a foreign-key column) points at.
    """

    name: Name
    day_of: Name | None = None
    of_parent: Name | None = None

    @model_validator(mode="after")
    def _some_source(self) -> BusinessDate:
        if self.day_of is None and self.of_parent is None:
            raise ValueError("give day_of, of_parent or both")
        return self


class TableGates(_Entry):
    """Thresholds; what a table leaves out comes from the pipeline's `gates`."""

    min_rows: Annotated[int, Field(ge=0)] | None = None
    max_quarantine_rate: Share | None = None
    min_fk_integrity: Share | None = None
    quality_score_above: BelowOne | None = None
    max_null_rates: dict[Name, Share] = Field(default_factory=dict)


class Gates(_Entry):
    """The pipeline's thresholds."""

    min_rows: Annotated[int, Field(ge=0)] = 1
    max_quarantine_rate: Share = 0.05
    min_fk_integrity: Share = 0.99
    quality_score_above: BelowOne | None = Field(
        None, description="Silver rows / bronze rows that are no copies; left out: not judged."
    )


class Table(_Entry):
    """A bronze table and the silver table that it becomes."""

    name: Name = Field(description="Of the silver table.")
    bronze: Name | None = Field(None, description="Of the bronze table; `name` by default.")
    quarantine: Name | None = Field(
        None, description="Of the rejected rows' table; `<name>_quarantine` by default."
    )
    description: str = ""
    landing: Literal["rows", "lines", "records"] = Field(
        "rows",
        description="`lines`: CSV files only, cast when they land; a line that cannot be parsed "
        "is kept whole in `raw_line`. `records`: JSON, kept as received; see `feed`.",
    )
    feed: JsonFeed | None = Field(None, description="Where JSON records come from.")
    new_columns: Literal["evolve", "freeze"] = Field(
        "evolve", description="Columns that are not specified: kept in bronze, or refused."
    )
    source: SourceMapping | None = Field(
        None, description="Files of another layout that rows are made of; own files land, too."
    )
    columns: tuple[Column, ...] = Field((), description="Records of a feed have none of their own.")
    key: Annotated[tuple[Name, ...], Field(min_length=1)]
    partition: Partition
    business_date: BusinessDate | None = Field(
        None, description="Left out: the day of ingestion is the business date."
    )
    silver_partition: Literal["day", "month", "none"] = Field(
        "none", description="How finely the silver files are cut along the business date."
    )
    derived: dict[Name, ColumnType] | None = Field(
        None,
        description="All columns of silver in their order, where the table has a model of its own; "
        "left out: the received columns, the audit columns and the dates.",
    )
    first_by: tuple[Name, ...] | None = Field(
        None,
        description="Of the copies of a key the first by these columns stays; left out: the latest "
        "by ingestion.",
    )
    latest_by: Name | None = Field(
        None, description="Of copies that came at once the latest by this stays, not by event id."
    )
    silver_as: Literal["table", "view"] = Field(
        "table",
        description="`view`: no rows are written; readers get a view over the bronze files.",
    )
    row_model: Name | None = Field(
        None,
        description="A pydantic model of `tasks/contracts/row_models/` that judges each received "
        "row, in place of `rules`.",
    )
    rules: tuple[Rule, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    may_be_empty: bool = Field(False, description="The table may be absent or have no rows.")
    gates: TableGates = TableGates()

    @model_validator(mode="after")
    def _columns_or_feed(self) -> Table:
        if (self.landing == "records") != (self.feed is not None):
            raise ValueError("`landing: records` and `feed` belong together")
        if self.feed is None and not self.columns:
            raise ValueError("columns: list at least one")
        return self

    @property
    def bronze_name(self) -> str:
        return self.bronze or self.name

    @property
    def quarantine_name(self) -> str:
        return self.quarantine or f"{self.name}_quarantine"

    @property
    def listed_names(self) -> tuple[str, ...]:
        """What a release lists of the table: silver, quarantine, and all that a view reads."""
        listed = (f"silver.{self.name}", f"silver.{self.quarantine_name}")
        if self.feed is not None:
            return (*listed, *(f"silver.{beside.name}" for beside in self.feed.beside))
        if self.silver_as == "table":
            return listed
        return (*listed, f"silver.{self.excluded_name}", f"bronze.{self.bronze_name}")

    @property
    def excluded_name(self) -> str:
        """The internal table of the bronze rows that a silver view leaves out."""
        return f"{self.bronze_name}_excluded"

    @property
    def shown_beside(self) -> tuple[str, ...]:
        """Further tables of silver that readers see, built with this one."""
        return tuple(b.name for b in self.feed.beside if not b.internal) if self.feed else ()

    @property
    def audit_columns(self) -> dict[str, ColumnType]:
        """What landing adds to the received columns."""
        if self.landing == "lines":
            return dict(LINE_AUDIT_COLUMNS)
        if self.landing == "records":
            return dict.fromkeys(FEED_AUDIT_COLUMNS, "string")
        return dict.fromkeys(AUDIT_COLUMNS, "string")

    @property
    def judges_rejects_anew(self) -> bool:
        """Whether each build of the table judges the rows in quarantine again.

        Their parents may have come, or their day; a line is judged once and for all.
        """
        return self.landing == "rows"

    @property
    def business_date_column(self) -> str:
        return self.business_date.name if self.business_date else INGESTION_DATE


class Dimension(_Entry):
    """A silver table of which each run date keeps a snapshot."""

    name: Name
    table: Name
    freshness_hours: Annotated[int, Field(ge=0)] = 24
    min_share_of_previous: Share = 0.9


class TransformChecks(_Entry):
    """Checks of an enriched table beside its column schema."""

    min_rows: Annotated[int, Field(ge=0)] = 0
    max_null_rates: dict[Name, Share] = Field(default_factory=dict)
    rows_equal: str | None = Field(
        None, description="A table, `layer.name`, that must have the same number of rows."
    )


class Transform(_Entry):
    """An enriched table: a function of `tasks/transforms/<name>.py` and what it reads."""

    name: Name
    description: str = ""
    inputs: Annotated[dict[Name, str], Field(min_length=1)] = Field(
        description="{argument: layer.table}; layers: silver, dims, enriched, seeds."
    )
    parameters: dict[Name, int | float | str | tuple[str, ...]] = Field(default_factory=dict)
    key: Annotated[tuple[Name, ...], Field(min_length=1)]
    partition_column: Name | None = None
    incremental: Incremental | None = Field(
        None, description="Left out: computed whole by each run, into one file."
    )
    checks: TransformChecks = TransformChecks()


class GoldFact(_Entry):
    """A gold table: a dbt model of `dbt/models/<pipeline>/gold/<name>.sql`."""

    name: Name
    internal: bool = Field(
        False, description="Kept beside the tables for the next run to build on; not shown."
    )
    description: str = ""
    key: Annotated[tuple[Name, ...], Field(min_length=1)]
    inputs: Annotated[tuple[str, ...], Field(min_length=1)]
    partition_column: Name | None = None
    incremental: Incremental | None = Field(
        None, description="Left out: built whole by each run, into one file."
    )
    min_rows: Annotated[int, Field(ge=0)] = 0


class Retention(_Entry):
    """Days that each layer is kept; NULL means as long as a release needs it."""

    bronze_days: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Landed rows; of tables of JSON records, and of which silver is a view."
    )
    bronze_version_days: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Versions that are not current, where bronze is a bucket with versions."
    )
    silver_days: int | None = None
    gold_days: int | None = None


class FreshnessLimits(_Entry):
    """How old what came last may be, in hours; NULL means that nobody waits for it."""

    landed_hours: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Since the newest batch of any table was landed."
    )
    published_hours: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Since the run of the current release began."
    )


class DailyChart(_Entry):
    """A daily figure for the report, with the band outside which a day counts as anomalous.

    Without `deviation` there is no band: `mean` is drawn as a line, where it is given.
    """

    table: str = Field(description="A published table, `layer.name`, with a row a day.")
    title: str = "Net revenue by day"
    date: Name
    value: Name
    mean: Name | None = None
    deviation: Name | None = None
    anomaly: Name | None = None
    band: float = Field(2.0, gt=0, description="Deviations from the mean to the band's edge.")


INGESTION_DATE = "ingestion_dt"
AUDIT_COLUMNS = ("batch_id", "ingestion_ts", "event_id", "source_file")
LINE_AUDIT_COLUMNS: dict[str, ColumnType] = {
    "raw_line": "string",
    "ingestion_timestamp": "timestamp",
    "created_at": "timestamp",
    "source_file": "string",
    "source_line": "integer",
}
LINE_REASONS = "line_reasons"


class Spec(_Entry):
    """A pipeline, as its YAML declares it."""

    pipeline: Name
    description: str = ""
    owner: str = Field("", description="Who answers for the data; shown in the data dictionary.")
    tables: Annotated[tuple[Table, ...], Field(min_length=1)]
    dimensions: tuple[Dimension, ...] = ()
    transforms: tuple[Transform, ...] = ()
    gold: tuple[GoldFact, ...] = ()
    gates: Gates = Gates()
    retention: Retention = Retention()
    freshness: FreshnessLimits = FreshnessLimits()
    pii_defaults: PiiDefaults = PiiDefaults()
    pii: tuple[Pii, ...] = ()
    chart: DailyChart | None = None
    documents: Literal["fleet"] | None = Field(
        None, description="JSON documents and a page that are written of each release."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_pii_defaults(cls, document: Any) -> Any:
        return with_defaults(document)

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)

    def silver_columns(self, name: str) -> dict[str, ColumnType]:
        """Columns of silver `name` in their order, with their types."""
        table = self.table(name)
        if table.derived is not None:
            return dict(table.derived)
        columns: dict[str, ColumnType] = {c.name: c.silver_type for c in table.columns}
        columns |= dict.fromkeys(AUDIT_COLUMNS, "string")
        columns["ingestion_ts"] = "timestamp"
        columns[table.business_date_column] = "date"
        columns[INGESTION_DATE] = "date"
        return columns

    def bronze_columns(self, name: str) -> dict[str, ColumnType]:
        """Columns of bronze `name` as received, audit columns included."""
        table = self.table(name)
        columns: dict[str, ColumnType] = {c.name: c.type for c in table.columns}
        return columns | table.audit_columns

    def gate_thresholds(self, name: str) -> Gates:
        """The pipeline's thresholds with those of table `name` laid over them."""
        table = self.table(name)
        own = table.gates.model_dump(exclude={"max_null_rates"}, exclude_none=True)
        if table.may_be_empty:
            own.setdefault("min_rows", 0)
        return self.gates.model_copy(update=own)
