"""OpenLineage events of a run: pure functions of its record and of what is known of its tables.

Belongs here: which event tells what. Does not belong here: sending them (`blocks/lineage_sink.py`),
when (`lineage_observer.py`), and finding columns' lineage (`sql_lineage.py`,
`transform_lineage.py`).

A run is a job named after its pipeline; each stage is a job below it, `<pipeline>.<stage>`, and so
are the gates of a layer, `<pipeline>.<layer>.gates`, whose inputs are the tables that were judged.
Times are those of the record, so that the same record gives the same events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from openlineage.client import event_v2 as ol
from openlineage.client import facet_v2 as facets
from openlineage.client.uuid import generate_static_uuid

from tasks.contracts.run_record import GateResult, RunRecord, StageRecord
from tasks.lineage_datasets import Datasets, Naming, TableFacts

Ended = Literal["COMPLETE", "FAIL"]
_LAYERS_OF = {"dimensions": "dims"}


class RunEvents:
    """Makes the events of one run."""

    def __init__(self, naming: Naming, record: RunRecord, describes: str = "") -> None:
        self._naming = naming
        self._record = record
        self._describes = describes
        self._datasets = Datasets(naming, record.pipeline)

    def run_began(self) -> ol.RunEvent:
        """The run's START."""
        return self._event("START", 0.0, None)

    def run_ended(self, record: RunRecord, tables: Mapping[str, TableFacts]) -> ol.RunEvent:
        """The run's COMPLETE or FAIL; readers' tables are its outputs if it published."""
        ended: Ended = "FAIL" if record.status == "failed" else "COMPLETE"
        bronze = [name for name in tables if name.startswith("bronze.")]
        made = [n for n in tables if n not in bronze] if record.release is not None else []
        return self._event(
            ended,
            record.seconds,
            None,
            more={"tags": self._tags(record), **self._failure(record.error)},
            inputs=[self._datasets.read(name, tables[name]) for name in bronze],
            outputs=[self._datasets.written(name, tables[name], record.release) for name in made],
        )

    def stage_began(self, stage: str, offset_seconds: float) -> ol.RunEvent:
        """A stage's START."""
        return self._event("START", offset_seconds, stage)

    def stage_ended(
        self,
        stage: StageRecord,
        reads: Mapping[str, TableFacts],
        writes: Mapping[str, TableFacts],
        *,
        error: str | None = None,
        release: int | None = None,
    ) -> ol.RunEvent:
        """A stage's COMPLETE or FAIL, with the tables that it read and wrote."""
        return self._event(
            "COMPLETE" if stage.status == "done" else "FAIL",
            stage.offset_seconds + stage.seconds,
            stage.stage,
            more=self._failure(error if stage.status == "failed" else None),
            inputs=[self._datasets.read(n, facts) for n, facts in reads.items() if n not in writes],
            outputs=[
                self._datasets.written(name, facts, release) for name, facts in writes.items()
            ],
        )

    def gates(
        self, stage: StageRecord, results: Sequence[GateResult], tables: Mapping[str, TableFacts]
    ) -> list[ol.RunEvent]:
        """START and end of the gates of a layer; without results there are none."""
        layer = _LAYERS_OF.get(stage.stage, stage.stage)
        own = [gate for gate in results if gate.layer == layer]
        if not own:
            return []
        name = f"{layer}.gates"
        judged = dict.fromkeys(f"{layer}.{gate.table}" for gate in own if gate.table != "all")
        across = [gate for gate in own if gate.table == "all"]
        inputs = []
        for table in judged:
            facts = tables.get(table, TableFacts())
            results = [gate for gate in own if f"{layer}.{gate.table}" == table]
            inputs.append(self._datasets.judged(table, facts, [*results, *across]))
        ended: Ended = "FAIL" if any(gate.status == "fail" for gate in own) else "COMPLETE"
        moment = stage.offset_seconds + stage.seconds
        return [
            self._event("START", moment, name),
            self._event(ended, moment, name, inputs=inputs),
        ]

    def _event(
        self,
        kind: Literal["START", "COMPLETE", "FAIL"],
        seconds: float,
        part: str | None,
        *,
        more: Mapping[str, facets.RunFacet] | None = None,
        inputs: Iterable[ol.InputDataset] = (),
        outputs: Iterable[ol.OutputDataset] = (),
    ) -> ol.RunEvent:
        record, jobs = self._record, self._naming.jobs
        name = record.pipeline if part is None else f"{record.pipeline}.{part}"
        run_facets: dict[str, facets.RunFacet] = {
            "nominalTime": facets.nominal_time_run.NominalTimeRunFacet(
                nominalStartTime=f"{record.run_date.isoformat()}T00:00:00Z"
            ),
            "processing_engine": facets.processing_engine_run.ProcessingEngineRunFacet(
                version=self._naming.version, name="medallion-flows"
            ),
            **(more or {}),
        }
        if part is not None:
            run_facets["parent"] = facets.parent_run.ParentRunFacet(
                run=facets.parent_run.Run(runId=self._run_id(None)),
                job=facets.parent_run.Job(namespace=jobs, name=record.pipeline),
            )
        job_facets: dict[str, facets.JobFacet] = {
            "jobType": facets.job_type_job.JobTypeJobFacet(
                processingType="BATCH",
                integration="MEDALLION",
                jobType="PIPELINE" if part is None else "STAGE",
            )
        }
        if part is None and self._describes:
            job_facets["documentation"] = facets.documentation_job.DocumentationJobFacet(
                description=self._describes
            )
        event = ol.RunEvent(
            eventType=ol.RunState[kind],
            eventTime=_text(record.started_at + timedelta(seconds=seconds)),
            run=ol.Run(runId=self._run_id(part), facets=run_facets),
            job=ol.Job(namespace=jobs, name=name, facets=job_facets),
            inputs=list(inputs),
            outputs=list(outputs),
            producer=self._naming.producer,
        )
        return _produced_by(event, self._naming.producer)

    def _run_id(self, part: str | None) -> str:
        record = self._record
        told = f"{record.pipeline}/{record.run_id}" + (f"/{part}" if part else "")
        return str(generate_static_uuid(record.started_at, told.encode()))

    def _failure(self, error: str | None) -> dict[str, facets.RunFacet]:
        if error is None:
            return {}
        message = facets.error_message_run.ErrorMessageRunFacet(error, "python")
        return {"errorMessage": message}

    def _tags(self, record: RunRecord) -> facets.RunFacet:
        told = {
            "medallion.run_id": record.run_id,
            "medallion.environment": record.environment,
            "medallion.gates": record.gate_mode,
            "medallion.status": record.status,
            "medallion.release": record.release,
            "medallion.artifact": record.artifact,
        }
        return facets.tags_run.TagsRunFacet(
            [
                facets.tags_run.TagsRunFacetFields(name, str(value), "MEDALLION")
                for name, value in told.items()
                if value is not None
            ]
        )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _produced_by(event: ol.RunEvent, producer: str) -> ol.RunEvent:
    """Name the producer of each facet: they take a global one where none is given."""
    datasets = [*(event.inputs or []), *(event.outputs or [])]
    groups: list[Mapping[str, object] | None] = [event.run.facets, event.job.facets]
    groups += [dataset.facets for dataset in datasets]
    groups += [
        getattr(d, "inputFacets", None) or getattr(d, "outputFacets", None) for d in datasets
    ]
    for group in groups:
        for facet in (group or {}).values():
            facet._producer = producer  # type: ignore[attr-defined]
    return event
