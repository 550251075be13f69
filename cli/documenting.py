"""The command `dictionary`: the data dictionary as a page, beside dbt's own documentation.

Belongs here: its options, and writing the files. Does not belong here: what is in them
(`tasks/dictionary.py`, `tasks/reports/dictionary_page.py`).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.options import Json
from cli.output import console, print_json
from tasks.reports.human_figures import quantity

PAGE, DBT_PAGE = "index.html", "dbt.html"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("dictionary")(write_dictionary)


def write_dictionary(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Where the pages are written.")
    ] = Path("data-dictionary"),
    as_json: Json = False,
) -> None:
    """Write the data dictionary: tables, columns, meanings, owners, and lineage column by column.

    Of all pipelines, from specifications, dbt's manifest and transforms; no data is read. The page
    needs no network; dbt's own documentation lies beside it.

    [dim]medallion dictionary --out docs/site[/dim]
    """
    from tasks.dbt_docs import document_project  # noqa: PLC0415 - slow to load
    from tasks.dictionary import dictionary  # noqa: PLC0415
    from tasks.reports.dictionary_page import dictionary_page  # noqa: PLC0415
    from tasks.specs import known_pipelines, load_spec  # noqa: PLC0415

    specs = [load_spec(name) for name in known_pipelines()]
    out.mkdir(parents=True, exist_ok=True)
    models = document_project(specs, out / DBT_PAGE)
    tables = [table for spec in specs for table in dictionary(spec, models)]
    page = out / PAGE
    page.write_text(dictionary_page(tables, DBT_PAGE), encoding="utf-8")
    if as_json:
        listed = [asdict(table) | {"classification": table.classification} for table in tables]
        print_json({"page": str(page.absolute()), "tables": listed})
        return
    columns = sum(len(table.columns) for table in tables)
    told = f"{page}: {quantity(len(tables), 'table')}, {quantity(columns, 'column')}"
    console().print(Text(told), soft_wrap=True)
