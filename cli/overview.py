"""The commands `tables` and `report`: what is published, and how runs went.

Belongs here: their options and what they print. Does not belong here: rows (`querying.py`), and
composing reports (`tasks/reports`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from blocks.lake import Lake
from cli.options import (
    Env,
    Json,
    LakeRoot,
    Pipeline,
    ReleaseNumber,
    environment_lake,
)
from cli.output import console, plain_table, print_json
from tasks.contracts.errors import ConfigurationError, ReleaseError
from tasks.contracts.names import did_you_mean
from tasks.contracts.release import PublishedTable
from tasks.releases import file_urls, read_release, table_urls
from tasks.reports.human_figures import count, size
from tasks.specs import known_pipeline


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("tables")(tables)
    app.command("report")(report)


def tables(
    pipeline: Pipeline,
    *,
    release: ReleaseNumber = None,
    hashes: Annotated[
        bool,
        typer.Option(
            "--hashes",
            help="Read every table, and show a hash of its rows that is the same however they are "
            "ordered or cut into files (run_id is left out).",
        ),
    ] = False,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Show the published tables: rows, files, bytes and keys."""
    _, opened = environment_lake(env, lake)
    document = read_release(opened, known_pipeline(pipeline), release)
    published = dict(sorted(document.shown.items()))
    content = {name: _hash(opened, name, document.tables) for name in published} if hashes else {}
    if as_json:
        print_json(
            {
                "pipeline": pipeline,
                "release": document.release,
                "run_id": document.run_id,
                "tables": {
                    name: _as_table(opened, name, document.tables)
                    | ({"content_hash": content[name]} if hashes else {})
                    for name in published
                },
                **(
                    {"warehouse_gold": document.warehouse_gold.model_dump()}
                    if document.warehouse_gold is not None
                    else {}
                ),
            }
        )
        return
    figures = ("rows", "files", "bytes")
    # A hash leaves no room for files and keys within 100 columns.
    shown = ("rows", "bytes", "content_hash") if hashes else (*figures, "key")
    table = plain_table("table", *shown, figures=figures, wrapped=("key",))
    for name, found in published.items():
        cells = {
            "rows": count(found.rows),
            "files": count(len(found.files)),
            "bytes": size(found.bytes),
            "key": ", ".join(found.key),
            "content_hash": content.get(name, ""),
        }
        table.add_row(Text(name), *(Text(cells[column]) for column in shown))
    out = console()
    out.print(
        Text(
            f"{pipeline} release {document.release}, run date {document.run_date},"
            f" run {document.run_id}"
        )
    )
    out.print()
    out.print(table)
    if document.warehouse_gold is not None:
        where = document.warehouse_gold
        out.print()
        out.print(Text(f"gold is in the warehouse: {where.project}.{where.dataset}"))


def report(
    pipeline: Pipeline,
    *,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="A run; else the last one.")
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Also open it in the web browser.")
    ] = False,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Tell where the HTML report of a run is, published or failed."""
    _, opened = environment_lake(env, lake)
    run_id, key = _report_of(opened, known_pipeline(pipeline), run)
    path = opened.control.url(key)
    if as_json:
        print_json({"run_id": run_id, "report": path})
    else:
        console().print(path, soft_wrap=True)
    if open_it:
        import webbrowser  # noqa: PLC0415

        webbrowser.open(Path(path).as_uri() if "://" not in path else path)


def _as_table(lake: Lake, name: str, tables: Mapping[str, PublishedTable]) -> dict[str, Any]:
    """Describe a table; a view has no files, and `sql` by which DuckDB gives its rows."""
    table = tables[name]
    described: dict[str, Any] = {
        "rows": table.rows,
        "bytes": table.bytes,
        "columns": table.columns,
        "key": table.key,
        "files": [
            {"path": url, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
            for url, file in zip(table_urls(lake, table), table.files, strict=True)
        ],
    }
    if table.view is not None:
        from tasks.published_views import rows_sql  # noqa: PLC0415

        described["view"] = {
            "sql": rows_sql(name, tables, lambda files: file_urls(lake, files)),
            "reads": table.view.reads,
        }
    return described


def _hash(lake: Lake, name: str, tables: Mapping[str, PublishedTable]) -> str:
    import duckdb  # noqa: PLC0415

    from tasks.content_hash import query_hash  # noqa: PLC0415
    from tasks.mirror import passing_mirror  # noqa: PLC0415
    from tasks.published_views import rows_sql  # noqa: PLC0415

    try:
        with passing_mirror(lake) as mirror:
            return query_hash(rows_sql(name, tables, mirror.paths), tables[name].columns)
    except duckdb.Error as error:
        raise ReleaseError(f"{name} cannot be read: {str(error).splitlines()[0]}") from error


def _report_of(lake: Lake, pipeline: str, run: str | None) -> tuple[str, str]:
    """Return a run and the key of its report."""
    from tasks.audit import run_ids  # noqa: PLC0415

    known = run_ids(lake, pipeline)
    if run is None:
        if not known:
            raise ReleaseError(f"{pipeline} has not been run yet; run `medallion run {pipeline}`")
        run = known[-1]
    elif run not in known:
        raise ConfigurationError(f"{pipeline} has no run '{run}'{did_you_mean(run, known)}")
    key = f"{lake.reports_prefix(pipeline, run)}/report.html"
    if not lake.control.exists(key):
        raise ReleaseError(f"the report of run {run} is gone from {lake.control.url(key)}")
    return run, key
