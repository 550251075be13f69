"""A stand-in for BigQuery on the loopback; it is no server of Google's.

Belongs here: the part of the REST protocol that the client and dbt's adapter use: datasets, tables,
load jobs with an upload, copies, queries and their rows. Does not belong here: what is tried on it.

Rows lie in DuckDB, and queries are translated for it by sqlglot. That Google's servers behave as
this one does is not shown by tests. What it refuses, as they do: a load whose schema is not the
table's or was left to be detected, rows of another partition, a column that the file lacks.
"""

from __future__ import annotations

import json
import re
import tempfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb
import pyarrow.parquet as pq
import sqlglot

from tests.stores.proxy import Call, Proxy, Reply
from tests.warehouse.stored_tables import (
    PROJECT,
    RESULTS,
    RefusedError,
    StoredTables,
    kinds,
    reference,
    written_row,
)

__all__ = ["PROJECT", "BigQueryStandIn", "RefusedError"]

_ROUTE = re.compile(
    r"(?P<upload>/upload)?/bigquery/v2/projects/(?P<project>[^/]+)/(?P<kind>datasets|jobs|queries)"
    r"(/(?P<id>[^/]+))?(/(?P<part>tables|routines))?(/(?P<table>[^/]+)?)?(?P<data>/data)?"
)


class BigQueryStandIn(StoredTables, Proxy):
    """Answers one request at a time; `jobs` are those it was given, in their order.

    `refusals` are answers to give instead, taken from the front: {kind of job: [RefusedError]}.
    """

    def __init__(self) -> None:
        Proxy.__init__(self, "")
        StoredTables.__init__(self)
        self._one_at_a_time = threading.Lock()
        self.jobs: list[dict[str, Any]] = []
        self.refusals: dict[str, list[RefusedError | None]] = {}
        self.authorizations: set[str | None] = set()
        self.translated: list[str] = []  # the queries as DuckDB got them
        self._by_id: dict[str, dict[str, Any]] = {}
        self._uploads: dict[str, dict[str, Any]] = {}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the stand-in's own database, in DuckDB's SQL."""
        with self._one_at_a_time:
            return self.database.execute(sql).fetchall()

    def loads(self) -> list[str]:
        """The targets of the load jobs, `dataset.table$partition`."""
        found = [
            job["configuration"]["load"] for job in self.jobs if "load" in job["configuration"]
        ]
        return [_named(load["destinationTable"]) for load in found]

    def answer(self, call: Call) -> Reply | None:
        with self._one_at_a_time:
            self.authorizations.add(call.headers.get("Authorization"))
            try:
                status, document, headers = self._tried(call)
            except RefusedError as refused:
                status, headers = refused.status, {}
                detail = {"reason": refused.reason, "message": str(refused)}
                document = {"error": {"code": status, "message": str(refused), "errors": [detail]}}
        content = b"" if document is None else json.dumps(document).encode()
        return Reply(status, {"Content-Type": "application/json", **headers}, content)

    def _tried(self, call: Call) -> tuple[int, Any, dict[str, str]]:
        """Answer; what the stand-in cannot do is told by a status that no client tries again."""
        try:
            return self._answered(call)
        except (KeyError, ValueError, AssertionError, duckdb.Error) as error:
            text = f"the stand-in failed: {type(error).__name__}: {error}"
            raise RefusedError(501, "notImplemented", text) from error

    def _answered(self, call: Call) -> tuple[int, Any, dict[str, str]]:
        place = urlsplit(call.target)
        if call.headers.get("X-HTTP-Method-Override"):
            raise RefusedError(400, "invalid", "no overrides here")
        found = _ROUTE.fullmatch(unquote(place.path))
        if found is None:
            raise RefusedError(404, "notFound", f"no such route: {call.method} {place.path}")
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        if found["upload"]:
            return self._uploaded(call, query)
        body = json.loads(call.body) if call.body else {}
        if found["kind"] == "datasets":
            return 200, self._dataset_call(call.method, found, body), {}
        return 200, self._job_call(call.method, found, body, query), {}

    def _job_call(
        self, method: str, found: re.Match[str], body: Any, query: dict[str, str]
    ) -> dict[str, Any]:
        if found["kind"] == "queries" and method == "POST":
            raise RefusedError(404, "notFound", "jobs.query is not part of the stand-in")
        if method == "POST":
            return self._run(body, None)
        if found["kind"] == "jobs":
            return self._by_id[found["id"]]
        fields, rows = self._results[found["id"]]
        answer: dict[str, Any] = {
            "jobReference": self._by_id[found["id"]]["jobReference"],
            "jobComplete": True,
            "schema": {"fields": fields},
            "totalRows": str(len(rows)),
        }
        return answer if query.get("maxResults") == "0" else answer | {"rows": rows}

    def _uploaded(self, call: Call, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        if query["uploadType"] == "multipart":
            kind = next(v for k, v in call.headers.items() if k.lower() == "content-type")
            boundary = re.search(r'boundary="?([^";]+)"?', kind)
            assert boundary is not None, kind
            parts = call.body.split(b"--" + boundary[1].encode())
            metadata, content = (part.split(b"\r\n\r\n", 1)[1] for part in parts[1:3])
            return 200, self._run(json.loads(metadata), content.removesuffix(b"\r\n")), {}
        if call.method == "POST":
            number = str(len(self._uploads))
            self._uploads[number] = {"body": json.loads(call.body), "content": b""}
            host = next(v for k, v in call.headers.items() if k.lower() == "host")
            place = (
                f"http://{host}{urlsplit(call.target).path}?uploadType=resumable&upload_id={number}"
            )
            return 200, {}, {"Location": place}
        upload = self._uploads[query["upload_id"]]
        upload["content"] += call.body
        said = next(v for k, v in call.headers.items() if k.lower() == "content-range")
        if not said.endswith(f"/{len(upload['content'])}"):
            return 308, None, {"Range": f"bytes=0-{len(upload['content']) - 1}"}
        return 200, self._run(upload["body"], upload["content"]), {}

    def _run(self, job: dict[str, Any], content: bytes | None) -> dict[str, Any]:
        configuration = job["configuration"]
        kind = next(name for name in ("load", "copy", "query") if name in configuration)
        waiting = self.refusals.get(kind)
        refused = waiting.pop(0) if waiting else None
        if refused is not None:
            raise refused
        self.jobs.append(job)
        reference = job.get("jobReference") or {}
        identity = reference.get("jobId") or f"job-{len(self.jobs)}"
        done = {
            **job,
            "jobReference": {"projectId": PROJECT, "jobId": identity, "location": "EU"},
            "id": identity,
            "status": {"state": "DONE"},
            "statistics": {},
        }
        try:
            if kind == "load":
                done["statistics"] = {"load": self._load(configuration["load"], content)}
            elif kind == "copy":
                self._copy(configuration["copy"])
            else:
                done["statistics"] = {"query": self._query(identity, configuration["query"], done)}
        except (RefusedError, duckdb.Error, sqlglot.errors.SqlglotError) as error:
            detail = {"reason": getattr(error, "reason", "invalidQuery"), "message": str(error)}
            done["status"] |= {"errorResult": detail, "errors": [detail]}
        self._by_id[identity] = done
        return done

    def _load(self, load: dict[str, Any], content: bytes | None) -> dict[str, str]:
        target = load["destinationTable"]
        dataset, (name, _, partition) = target["datasetId"], target["tableId"].partition("$")
        if load.get("autodetect") or not load.get("schema"):
            raise RefusedError(400, "invalid", "the schema was not given")
        if load["sourceFormat"] != "PARQUET" or load["writeDisposition"] != "WRITE_TRUNCATE":
            raise RefusedError(400, "invalid", "only Parquet is loaded here, and only truncating")
        if (dataset, name) not in self._tables():
            raise RefusedError(404, "notFound", f"Not found: Table {dataset}.{name}")
        fields = load["schema"]["fields"]
        if kinds(fields) != kinds(self._schemas[dataset, name]):
            raise RefusedError(400, "invalid", "Provided Schema does not match Table")
        if load.get("timePartitioning") != self._partitioning.get((dataset, name)):
            raise RefusedError(400, "invalid", "Incompatible table partitioning specification")
        assert content is not None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.parquet"
            file.write_bytes(content)
            stored = pq.read_schema(file)
            if stored.names != [field["name"] for field in fields]:
                raise RefusedError(400, "invalid", "the file's columns are not the schema's")
            if any(str(f.type).startswith("list") for f in stored) and not lists_are_read(load):
                raise RefusedError(400, "invalid", "a list is a struct of a list, unless inferred")
            # A type of Arrow tells its zone, also within others.
            unzoned = [f.name for f in stored if "timestamp[us]" in str(f.type)]
            if unzoned:
                raise RefusedError(400, "invalid", f"{unzoned[0]}: a DATETIME is no TIMESTAMP")
            source = f"read_parquet('{file}', hive_partitioning = false)"
            condition = "true"
            if partition:
                condition = self._in_partition(dataset, name, partition)
                strays = f"select count(*) from {source} where not ({condition})"
                if self.database.execute(strays).fetchone() != (0,):
                    raise RefusedError(400, "invalid", f"rows do not belong to {name}${partition}")
            self.database.execute("begin")
            self.database.execute(f'delete from "{dataset}"."{name}" where {condition}')
            (count,) = self.database.execute(
                f'insert into "{dataset}"."{name}" select * from {source}'
            ).fetchone()
            self.database.execute("commit")
        return {"outputRows": str(count)}

    def _copy(self, copy: dict[str, Any]) -> None:
        (source,), target = copy["sourceTables"], copy["destinationTable"]
        old = (source["datasetId"], source["tableId"])
        new = (target["datasetId"], target["tableId"])
        if copy["writeDisposition"] != "WRITE_TRUNCATE":
            raise RefusedError(400, "invalid", "only truncating copies here")
        self.database.execute(
            f'create or replace table "{new[0]}"."{new[1]}" as from "{old[0]}"."{old[1]}"'
        )

    def _query(self, identity: str, query: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
        parameters = {
            each["name"]: each["parameterValue"].get("value")
            for each in query.get("queryParameters", [])
        }
        (statement,) = [s for s in sqlglot.parse(query["query"], read="bigquery") if s is not None]
        kind = _statement_type(statement)
        statement.set("properties", None)
        self.translated.append(to_duckdb(statement))
        done = self.database.execute(self.translated[-1], parameters or None)
        if kind == "SELECT":
            fields = self._described(done)
            rows = [written_row(row) for row in done.fetchall()]
        else:
            fields, rows = [], []
        self._results[identity] = (fields, rows)
        target = reference(RESULTS, identity)
        if kind == "CREATE_TABLE_AS_SELECT":
            target = reference(statement.this.db, statement.this.name)
        job["configuration"]["query"]["destinationTable"] = target
        return {"statementType": kind, "totalBytesProcessed": "0", "totalBytesBilled": "0"}


def lists_are_read(load: dict[str, Any]) -> bool:
    """Whether lists of a file become repeated columns."""
    return bool(load.get("parquetOptions", {}).get("enableListInference"))


def to_duckdb(statement: str | sqlglot.exp.Expression) -> str:
    """Translate one statement of BigQuery's SQL; raises SqlglotError."""
    if isinstance(statement, str):
        statement = sqlglot.parse_one(statement, read="bigquery")
    return statement.sql(dialect="duckdb")


def _statement_type(statement: sqlglot.exp.Expression) -> str:
    if isinstance(statement, sqlglot.exp.Create):
        kinds = {"SCHEMA": "CREATE_SCHEMA", "VIEW": "CREATE_VIEW"}
        return kinds.get(str(statement.kind), "CREATE_TABLE_AS_SELECT")
    return "INSERT" if isinstance(statement, sqlglot.exp.Insert) else "SELECT"


def _named(reference: dict[str, str]) -> str:
    return f"{reference['datasetId']}.{reference['tableId']}"
