"""Tables as OpenLineage datasets: their names, and the facets that say what is known of them.

Belongs here: pure functions of facts of a table. Does not belong here: events
(`lineage_events.py`), and finding the facts (`lineage_observer.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2 as facets

from tasks.contracts.column_lineage import ROWS, ColumnLineage, Kind, Source
from tasks.contracts.run_record import GateResult


@dataclass(frozen=True)
class TableFacts:
    """What events tell of a table, `layer.name`: its columns, and figures where it was written."""

    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    description: str = ""
    lineage: ColumnLineage | None = None


@dataclass(frozen=True)
class Naming:
    """The names of jobs and datasets: of one environment, and of the place of its lake."""

    jobs: str
    lake: str
    version: str

    @property
    def producer(self) -> str:
        return f"urn:medallion-flows:{self.version}"

    def dataset(self, pipeline: str, table: str) -> tuple[str, str]:
        """Return namespace and name of a table: that of its lake, and its path as if in folders."""
        scheme, found, rest = self.lake.partition("://")
        namespace, prefix = "file", self.lake
        if found:
            bucket, _, prefix = rest.partition("/")
            namespace = f"{scheme}://{bucket}"
        layer, _, name = table.partition(".")
        parts = [prefix.rstrip("/"), pipeline, layer, name]
        return namespace, "/".join(part for part in parts if part)


class Datasets:
    """Makes the datasets of one pipeline, as they are read, written and judged."""

    def __init__(self, naming: Naming, pipeline: str) -> None:
        self._naming = naming
        self._pipeline = pipeline

    def read(self, table: str, facts: TableFacts) -> ol.InputDataset:
        """Return a table that was read, with how much of it."""
        namespace, name = self._naming.dataset(self._pipeline, table)
        told: dict[str, facets.InputDatasetFacet] = {}
        if facts.rows is not None:
            statistics = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet
            told["inputStatistics"] = statistics(
                rowCount=facts.rows, size=facts.bytes, fileCount=facts.files
            )
        return ol.InputDataset(namespace, name, told, facets=self._facets(facts))

    def written(self, table: str, facts: TableFacts, release: int | None) -> ol.OutputDataset:
        """Return a table that was written, with how much of it there is."""
        namespace, name = self._naming.dataset(self._pipeline, table)
        told = self._facets(facts)
        if release is not None:
            told["version"] = facets.dataset_version_dataset.DatasetVersionDatasetFacet(
                str(release)
            )
        written: dict[str, facets.OutputDatasetFacet] = {}
        if facts.rows is not None:
            statistics = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
            written["outputStatistics"] = statistics(
                rowCount=facts.rows, size=facts.bytes, fileCount=facts.files
            )
        return ol.OutputDataset(namespace, name, written, facets=told)

    def judged(
        self, table: str, facts: TableFacts, results: Sequence[GateResult]
    ) -> ol.InputDataset:
        """Return a table that gates have judged, with what they found."""
        namespace, name = self._naming.dataset(self._pipeline, table)
        assertions = facets.data_quality_assertions_dataset
        metrics = facets.data_quality_metrics_input_dataset
        told: dict[str, facets.InputDatasetFacet] = {
            "dataQualityAssertions": assertions.DataQualityAssertionsDatasetFacet(
                [_assertion(gate) for gate in results]
            )
        }
        if facts.rows is not None:
            told["dataQualityMetrics"] = metrics.DataQualityMetricsInputDatasetFacet(
                columnMetrics={}, rowCount=facts.rows, bytes=facts.bytes, fileCount=facts.files
            )
        return ol.InputDataset(namespace, name, told, facets=self._facets(facts))

    def _facets(self, facts: TableFacts) -> dict[str, facets.DatasetFacet]:
        found: dict[str, facets.DatasetFacet] = {}
        if facts.columns:
            found["schema"] = facets.schema_dataset.SchemaDatasetFacet(
                [
                    facets.schema_dataset.SchemaDatasetFacetFields(
                        name=name, type=kind, ordinal_position=place
                    )
                    for place, (name, kind) in enumerate(facts.columns.items(), start=1)
                ]
            )
        if facts.description:
            found["documentation"] = facets.documentation_dataset.DocumentationDatasetFacet(
                facts.description
            )
        if facts.lineage is not None and (facts.lineage.columns or facts.lineage.rows):
            found["columnLineage"] = self._column_lineage(facts.lineage)
        return found

    def _column_lineage(self, lineage: ColumnLineage) -> facets.DatasetFacet:
        module = facets.column_lineage_dataset
        # Counted rows are no field; the columns that decide which they are stand below.
        columns = {
            column: [(source, how) for source, how in sorted(sources.items()) if source[1] != ROWS]
            for column, sources in lineage.columns.items()
        }
        return module.ColumnLineageDatasetFacet(
            fields={
                column: module.Fields(inputFields=[self._field(s, how) for s, how in sources])
                for column, sources in columns.items()
                if sources
            },
            dataset=[self._field(source, None) for source in sorted(lineage.rows)],
        )

    def _field(self, source: Source, how: Kind | None) -> facets.column_lineage_dataset.InputField:
        """A column that another depends on; None: that decides which rows there are."""
        module = facets.column_lineage_dataset
        namespace, name = self._naming.dataset(self._pipeline, source[0])
        ways = [] if how == "UNTOLD" else [module.Transformation(type="DIRECT", subtype=how)]
        if how is None:
            ways = [module.Transformation(type="INDIRECT")]
        return module.InputField(namespace, name, source[1], ways)


def _assertion(gate: GateResult) -> facets.data_quality_assertions_dataset.Assertion:
    kind, _, column = gate.check.partition(".")
    return facets.data_quality_assertions_dataset.Assertion(
        assertion=kind,
        success=gate.status == "pass",
        column=column if kind == "null_rate" and column else None,
        severity="warn" if gate.status == "warn" else "error",
        name=gate.check,
        description=gate.message or None,
        expected=None if gate.threshold is None else str(gate.threshold),
        actual=None if gate.observed is None else str(gate.observed),
    )
