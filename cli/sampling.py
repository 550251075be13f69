"""The command `sample`: made-up input for a pipeline, on disk.

Belongs here: its options and what it prints. Does not belong here: making rows up
(`tasks/sample_data`).
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.options import Json, Pipeline, known_pipeline
from cli.output import console, note, plain_table, print_json
from tasks.contracts.errors import ConfigurationError
from tasks.reports.human_figures import count, quantity, size

SAMPLED = ("ecommerce",)


class SampleFormat(enum.StrEnum):
    """The file formats of a sample."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("sample")(sample)


def sample(
    pipeline: Pipeline,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="Folder to write into.")],
    orders: Annotated[
        int, typer.Option("--orders", metavar="N", min=1, help="Orders in all.")
    ] = 5000,
    days: Annotated[
        int, typer.Option("--days", metavar="D", min=1, help="Days that they are spread over.")
    ] = 14,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="The same seed, the same rows.")
    ] = 0,
    dirt: Annotated[
        float,
        typer.Option("--dirt", metavar="P", min=0, max=1, help="Share of rows with a fault."),
    ] = 0.02,
    file_format: Annotated[
        SampleFormat, typer.Option("--format", help="Format of the files.")
    ] = SampleFormat.parquet,
    as_json: Json = False,
) -> None:
    """Write made-up input for a pipeline, one folder a table and one a partition.

    [dim]medallion sample ecommerce --orders 20000 --days 30 --out sample/[/dim]
    """
    if known_pipeline(pipeline) not in SAMPLED:
        raise ConfigurationError(
            f"there is no sample of '{pipeline}'; there is one of {', '.join(SAMPLED)}"
        )
    from tasks.sample_data.write import write_sample  # noqa: PLC0415

    if out.is_dir() and any(out.iterdir()):
        note(f"note: {out} was not empty; what is not replaced stays there")
    try:
        summary = write_sample(
            out, orders=orders, days=days, seed=seed, dirt=dirt, file_format=file_format.value
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(
            {
                "pipeline": pipeline,
                "out": str(out.absolute()),
                "format": file_format.value,
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
