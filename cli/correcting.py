"""What `quarantine … export` and `quarantine … replay` do: rows to a file, and corrected ones back.

Belongs here: the file that an export is, and what is told of a replay. Does not belong here: which
rows there are (`tasks/quarantine_export.py`), and landing them (`tasks/correction_landing.py`).
"""

from __future__ import annotations

import csv
import getpass
import itertools
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.text import Text

from blocks.lake import Lake
from blocks.settings import Settings
from cli.output import console, note, print_json
from cli.querying import RowFormat, chosen_format
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.release import Release
from tasks.reports.human_figures import count, quantity

if TYPE_CHECKING:
    from tasks.quarantine_export import ExportedRow


def export_format(row_format: RowFormat | None, as_json: bool, file: Path | None) -> RowFormat:
    """Return CSV or JSON, as asked for or as the file is named; raises ConfigurationError."""
    if row_format is RowFormat.table:
        raise ConfigurationError("--format table: an export is csv or json")
    if as_json:
        return chosen_format(row_format, as_json)
    of_name = RowFormat.json if file is not None and file.suffix == ".json" else RowFormat.csv
    return row_format or of_name


def head_of(release: Release, table: str | None = None) -> dict[str, Any]:
    """Return what a JSON document says first."""
    named = {} if table is None else {"table": table}
    head = {"pipeline": release.pipeline, "release": release.release, "run_id": release.run_id}
    return {**head, **named}


def export(
    lake: Lake,
    settings: Settings,
    release: Release,
    tables: tuple[str, str],
    file: Path | None,
    shape: RowFormat,
    reason: str | None,
    limit: int | None,
) -> None:
    """Write rejected rows to `file`, or to standard output; raises MedallionError."""
    from tasks.quarantine_export import exported_rows, exported_table  # noqa: PLC0415
    from tasks.release_views import release_views  # noqa: PLC0415
    from tasks.specs import load_spec  # noqa: PLC0415

    export = exported_table(load_spec(release.pipeline), release, *tables)
    limits: dict[str, Any] = {"threads": settings.threads, "memory_limit": settings.memory_limit}
    with release_views(lake, release, tables={export.quarantine}, **limits) as connection:
        found = itertools.islice(exported_rows(connection, export, reason=reason), limit)
        head = {**head_of(release, tables[0]), "columns": export.types}
        if file is None:
            _write_export(sys.stdout, shape, export.header, found, head)
            return
        try:
            with file.open("x", encoding="utf-8", newline="") as target:
                rows = _write_export(target, shape, export.header, found, head)
        except OSError as error:
            raise ConfigurationError(f"{file}: cannot be written ({error.strerror})") from error
    console().print(Text(f"{tables[0]}: {quantity(rows, 'row')} in {file}"), soft_wrap=True)


def _write_export(
    target: TextIO,
    shape: RowFormat,
    header: Iterable[str],
    found: Iterable[ExportedRow],
    head: dict[str, Any],
) -> int:
    """Write rows to be corrected; return how many."""
    rows = [row.texts() for row in found]
    if shape is RowFormat.json:
        target.write(json.dumps({**head, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
        return len(rows)
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([value or "" for value in row.values()] for row in rows)
    return len(rows)


def replay(
    lake: Lake,
    settings: Settings,
    release: Release,
    tables: tuple[str, str],
    file: Path,
    by: str | None,
    as_json: bool,
) -> None:
    """Land the corrected rows of `file`; raises CorrectionError."""
    from tasks import correction_landing  # noqa: PLC0415
    from tasks.landing_rows import EngineLimits  # noqa: PLC0415
    from tasks.specs import load_spec  # noqa: PLC0415

    done = correction_landing.replay(
        correction_landing.Rejected(lake, load_spec(release.pipeline), release, *tables),
        file,
        corrected_by=by or getpass.getuser(),
        landed_at=datetime.now(UTC),
        limits=EngineLimits(settings.threads, settings.memory_limit),
    )
    batch, correction = done.batch, done.record.correction
    assert correction is not None
    if as_json:
        print_json(
            {
                "pipeline": release.pipeline,
                "table": tables[0],
                "release": correction.release,
                "run_id": correction.run_id,
                "batch_id": batch.batch_id,
                "already_landed": batch.already_landed,
                "corrected": batch.rows,
                "unchanged": done.unchanged,
                "corrected_by": correction.corrected_by,
                "sha256": done.record.source_sha256,
                "partitions": batch.partitions,
            }
        )
        return
    told = f"{tables[0]}: {quantity(batch.rows, 'corrected row')} in bronze as {batch.batch_id}"
    if batch.already_landed:
        told = f"{tables[0]}: {batch.batch_id} is in bronze already; nothing was changed"
    elif done.unchanged:
        told += f"; {count(done.unchanged)} are as exported and stay in quarantine"
    console().print(Text(told), soft_wrap=True)
    if not batch.already_landed:
        note(f"the next run, for {correction.run_date} or later, puts them in their place")
