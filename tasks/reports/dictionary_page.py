"""The data dictionary as one page: tables, columns, and what each is made of, with a search box.

Belongs here: pure text from `DictionaryTable`s. Does not belong here: finding anything out
(`tasks/dictionary.py`). The page holds its own script and style, and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from tasks.dictionary import DictionaryColumn, DictionaryTable

_TEMPLATES = Path(__file__).parent / "templates"
_FEW = 6


def dictionary_page(tables: Sequence[DictionaryTable], dbt_page: str | None = None) -> str:
    """Return the page, a complete HTML document; `dbt_page` is the address of dbt's own docs."""
    pipelines = list(dict.fromkeys(table.pipeline for table in tables))
    columns = {
        (table.pipeline, f"{table.name}.{column.name}")
        for table in tables
        for column in table.columns
    }
    names = {(table.pipeline, table.name) for table in tables}
    body = "".join(_table(table, names, columns) for table in tables)
    index = "".join(_index(p, [t for t in tables if t.pipeline == p]) for p in pipelines)
    docs = f'<a href="{escape(dbt_page)}">dbt docs</a>' if dbt_page else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Data dictionary</title><style>{_text('dictionary.css')}</style></head><body>"
        "<header><h1>Data dictionary</h1>"
        '<input id="q" type="search" placeholder="Tables, columns, meanings" '
        f'aria-label="Search" autofocus>{docs}</header>'
        f'<main><nav>{index}</nav><p id="none" hidden>Nothing is called so.</p>{body}</main>'
        f"<script>{_text('dictionary.js')}</script></body></html>\n"
    )


def _index(pipeline: str, tables: Iterable[DictionaryTable]) -> str:
    links = "".join(
        f'<a href="#{_id(table.pipeline, table.name)}">{escape(table.name)}</a>' for table in tables
    )
    return f"<h2>{escape(pipeline)}</h2>{links}"


def _table(
    table: DictionaryTable, names: set[tuple[str, str]], columns: set[tuple[str, str]]
) -> str:
    pipeline, anchor = table.pipeline, _id(table.pipeline, table.name)
    text = f"{pipeline} {table.name} {table.meaning} {table.owner} {table.classification}".lower()
    facts = [
        escape(pipeline),
        f"owner: {escape(table.owner)}" if table.owner else "",
        f'<span class="who">{table.classification}</span>'
        if table.classification == "personal"
        else table.classification,
        f"key: <code>{escape(', '.join(table.key))}</code>" if table.key else "",
        f"made of {_links(pipeline, table.inputs, names)}" if table.inputs else "",
        f"read by {_links(pipeline, table.feeds, names)}" if table.feeds else "",
    ]
    rows = "".join(_column(table, column, columns) for column in table.columns)
    return (
        f'<section data-id="{anchor}" data-text="{escape(text)}">'
        f'<h3 id="{anchor}">{escape(table.name)}</h3>'
        f'<p class="about">{escape(table.meaning)}<br>{" · ".join(f for f in facts if f)}</p>'
        '<div class="wide"><table><thead><tr><th>column</th><th>type</th><th>meaning</th>'
        "<th>classification</th><th>made of</th><th>read by</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _column(table: DictionaryTable, column: DictionaryColumn, known: set[tuple[str, str]]) -> str:
    anchor = _id(table.pipeline, f"{table.name}.{column.name}")
    return (
        f'<tr id="{anchor}"><td class="c">{escape(column.name)}</td>'
        f'<td class="c">{escape(column.type)}</td><td>{escape(column.meaning)}</td>'
        f'<td class="who">{escape(column.personal)}</td>'
        f'<td class="c">{_links(table.pipeline, column.sources, known)}{_of_run(column)}</td>'
        f'<td class="c">{_links(table.pipeline, column.feeds, known)}</td></tr>'
    )


def _links(pipeline: str, names: Sequence[str], known: set[tuple[str, str]]) -> str:
    links = [_link(pipeline, name, known) for name in names]
    few = "<br>".join(links[:_FEW]) if "." in "".join(names[:1]).partition(".")[2] else ""
    if not few:
        return ", ".join(links)
    rest = "<br>".join(links[_FEW:])
    more = f"<details><summary>{len(links) - _FEW} more</summary>{rest}</details>" if rest else ""
    return few + more


def _of_run(column: DictionaryColumn) -> str:
    return "<i>the run</i>" if column.is_of_run else ""


def _link(pipeline: str, name: str, known: set[tuple[str, str]]) -> str:
    if name.endswith(".*"):
        table = name.removesuffix(".*")
        return f'rows of <a href="#{_id(pipeline, table)}">{escape(table)}</a>'
    if (pipeline, name) in known:
        return f'<a href="#{_id(pipeline, name)}">{escape(name)}</a>'
    return escape(name)


def _id(pipeline: str, name: str) -> str:
    return escape(f"{pipeline}.{name}")


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
