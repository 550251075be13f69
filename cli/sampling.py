"""The command `sample`: made-up input for a pipeline, on disk.

Belongs here: its options and what it prints. Does not belong here: making rows up
(`tasks/sample_data`).
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Required, TypedDict

import typer
from rich.text import Text

from cli.options import Json, Pipeline
from cli.output import console, note, plain_table, print_json
from tasks.contracts.errors import ConfigurationError
from tasks.reports.human_figures import count, quantity, size
from tasks.specs import known_pipeline

if TYPE_CHECKING:
    from tasks.sample_data.write import SampleSummary

_OWN_OPTIONS = {
    "ecommerce": ("--orders", "--format"),
    "clickstream": ("--events", "--compression"),
    "retail": ("--orders",),
    "coordination": ("--tasks",),
}
SAMPLED = tuple(_OWN_OPTIONS)


class SampleFormat(enum.StrEnum):
    """The file formats of an ecommerce sample."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"


class SampleCompression(enum.StrEnum):
    """How the CSV files of a clickstream sample may be compressed."""

    none = "none"
    gzip = "gzip"
    zstd = "zstd"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("sample")(sample)


def sample(
    pipeline: Pipeline,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="Folder to write into.")],
    orders: Annotated[
        int | None,
        typer.Option("--orders", metavar="N", min=1, help="ecommerce, retail: orders, else 5000."),
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(
            "--events", metavar="N", min=1, help="clickstream: events in all, else 100000."
        ),
    ] = None,
    tasks: Annotated[
        int | None,
        typer.Option("--tasks", metavar="N", min=1, help="coordination: tasks in all, else 5000."),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="D", min=1, help="Days that they are spread over.")
    ] = 14,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="The same seed, the same rows.")
    ] = 0,
    dirt: Annotated[
        float | None,
        typer.Option(
            "--dirt",
            metavar="P",
            min=0,
            max=1,
            help="Share of rows with a fault, else 0.02; 0.01 for clickstream, coordination.",
        ),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--start", metavar="DATE", formats=["%Y-%m-%d"], help="First day, else 2024-01-01."
        ),
    ] = None,
    file_format: Annotated[
        SampleFormat | None,
        typer.Option("--format", help="ecommerce: format of the files, else parquet."),
    ] = None,
    compression: Annotated[
        SampleCompression | None,
        typer.Option("--compression", help="clickstream: of the CSV files, else none."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write made-up input for a pipeline.

    Of ecommerce one folder a table and one a partition; of clickstream one CSV file a day; of
    retail one a table; of coordination one JSON Lines file a feed and day.

    [dim]medallion sample ecommerce --orders 20000 --days 30 --out sample/[/dim]

    [dim]medallion sample clickstream --events 1000000 --days 30 --out sample/[/dim]
    """
    if pipeline not in SAMPLED:
        known_pipeline(pipeline)
        raise ConfigurationError(
            f"there is no sample of '{pipeline}'; there is one of {', '.join(SAMPLED)}"
        )
    given = {
        "--orders": orders,
        "--format": file_format,
        "--events": events,
        "--compression": compression,
        "--tasks": tasks,
    }
    _refuse_options_of_others(pipeline, {name for name in given if given[name] is not None})

    if out.is_dir() and any(out.iterdir()):
        note(f"note: {out} was not empty; what is not replaced stays there")
    common: _Common = {"days": days, "seed": seed}
    if dirt is not None:
        common["dirt"] = dirt
    if start is not None:
        common["first_day"] = start.date()
    try:
        if pipeline == "clickstream":
            packing = compression or SampleCompression.none
            summary, details = _clickstream(out, events or 100_000, packing, common)
        elif pipeline == "retail":
            summary, details = _retail(out, orders or 5_000, common)
        elif pipeline == "coordination":
            summary, details = _coordination(out, tasks or 5_000, common)
        else:
            form = file_format or SampleFormat.parquet
            summary, details = _ecommerce(out, orders or 5_000, form, common)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(
            {
                "pipeline": pipeline,
                "out": str(out.absolute()),
                **details,
                "first_day": summary.first_day,
                "last_day": summary.last_day,
                "rows": summary.rows,
                "files": summary.files,
                "bytes": summary.bytes,
            }
        )
        return
    table = plain_table("table", "rows", figures=("rows",))
    for name, rows in summary.rows.items():
        table.add_row(Text(name), count(rows))
    shown = console()
    shown.print(table)
    shown.print()
    shown.print(
        f"{quantity(summary.total_rows, 'row')} of {summary.first_day} to {summary.last_day}"
        f" in {quantity(summary.files, 'file')}, {size(summary.bytes)}: {out}",
        soft_wrap=True,
    )


class _Common(TypedDict, total=False):
    """Arguments of every writer of samples; one that is missing has the writer's default."""

    days: Required[int]
    seed: Required[int]
    dirt: float
    first_day: date


def _refuse_options_of_others(pipeline: str, given: set[str]) -> None:
    own = _OWN_OPTIONS[pipeline]
    for other, options in _OWN_OPTIONS.items():
        wrong = [option for option in options if option in given and option not in own]
        if other != pipeline and wrong:
            raise ConfigurationError(
                f"{' and '.join(wrong)} belong{'s' if len(wrong) == 1 else ''} to the sample of"
                f" {other}; that of {pipeline} has {' and '.join(_OWN_OPTIONS[pipeline])}"
            )


def _ecommerce(
    out: Path, orders: int, form: SampleFormat, common: _Common
) -> tuple[SampleSummary, dict[str, Any]]:
    from tasks.sample_data.write import write_sample  # noqa: PLC0415

    summary = write_sample(out, orders=orders, file_format=form.value, **common)
    return summary, {"format": form.value}


def _retail(out: Path, orders: int, common: _Common) -> tuple[SampleSummary, dict[str, Any]]:
    from tasks.sample_data.retail import write_retail  # noqa: PLC0415

    return write_retail(out, orders=orders, **common), {"format": "csv"}


def _coordination(out: Path, tasks: int, common: _Common) -> tuple[SampleSummary, dict[str, Any]]:
    from tasks.sample_data.coordination import write_coordination  # noqa: PLC0415

    summary, faulty = write_coordination(out, tasks=tasks, **common)
    return summary, {"format": "jsonl", "faulty": faulty}


def _clickstream(
    out: Path, events: int, compression: SampleCompression, common: _Common
) -> tuple[SampleSummary, dict[str, Any]]:
    from tasks.sample_data.clickstream_files import write_clickstream  # noqa: PLC0415

    summary = write_clickstream(out, events=events, compression=compression.value, **common)
    return summary, {
        "format": "csv",
        "compression": compression.value,
        "quarantined": summary.quarantined,
        "superseded": summary.superseded,
        "dirt": summary.dirt,
    }
