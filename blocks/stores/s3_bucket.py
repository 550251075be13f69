"""Requests to S3, or to any server that speaks its protocol.

Belongs here: boto3, and what its errors mean. Does not belong here: trying again, and the words
that users read (`object_store.py`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import boto3
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore import exceptions
from botocore.config import Config

from blocks.store import Entry
from blocks.stores.access import Patience, S3Access
from blocks.stores.bucket import CONNECTIONS, PAGE, Content, Fault, Head, Version

_TOKEN = "medallion-swap"  # noqa: S105 - the name of a mark, not a secret
_MEANINGS = {
    "NoSuchKey": Fault.ABSENT,
    "NoSuchVersion": Fault.ABSENT,
    "404": Fault.ABSENT,
    "NoSuchBucket": Fault.NO_BUCKET,
    "PreconditionFailed": Fault.CONFLICT,
    "412": Fault.CONFLICT,
    # Two conditional writes met; who comes again learns which of them was first.
    "ConditionalRequestConflict": Fault.TRANSIENT,
    "OperationAborted": Fault.TRANSIENT,
    "RequestTimeout": Fault.TRANSIENT,
    "SlowDown": Fault.TRANSIENT,
}
_REFUSED_STATUSES = (401, 403)
_TRANSIENT_STATUSES = (408, 429, 500, 502, 503, 504)
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.NoAuthTokenError,
    exceptions.ProfileNotFound,
)
_NO_ANSWER = (
    exceptions.HTTPClientError,
    exceptions.ConnectionError,
    exceptions.IncompleteReadError,
    exceptions.ResponseStreamingError,
    urllib3.exceptions.HTTPError,  # in the middle of a body they come as they are
    ConnectionError,
    TimeoutError,
)
_PART_ATTEMPTS = 3
_IN_PARTS_FROM = 32 * 2**20


class S3Bucket:
    """One bucket; clients are made at the first use and shared by buckets with the same access."""

    def __init__(self, name: str, access: S3Access, patience: Patience) -> None:
        self.address = f"s3://{name}"
        self._bucket = name
        self._access = access
        self._patience = patience

    @cached_property
    def _client(self) -> Any:
        return _shared_client(self._access, self._patience.timeout, 1)

    @cached_property
    def _part_client(self) -> Any:
        # A large file goes in parts: one that fails must not send the others again.
        return _shared_client(self._access, self._patience.timeout, _PART_ATTEMPTS)

    def get(self, name: str) -> Content:
        reply = self._client.get_object(Bucket=self._bucket, Key=name)
        with reply["Body"] as body:
            return Content(body.read(), reply["ETag"])

    def get_part(self, name: str, version: str, start: int, stop: int) -> bytes:
        reply = self._client.get_object(
            Bucket=self._bucket, Key=name, IfMatch=version, Range=f"bytes={start}-{stop - 1}"
        )
        with reply["Body"] as body:
            content: bytes = body.read()
        return content

    def head(self, name: str) -> Head:
        reply = self._client.head_object(Bucket=self._bucket, Key=name)
        return Head(reply["ContentLength"], reply["ETag"], reply["Metadata"].get(_TOKEN))

    def put(self, name: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=name, Body=content)

    def put_if(self, name: str, content: bytes, expected: str | None, token: str) -> str:
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        reply = self._client.put_object(
            Bucket=self._bucket, Key=name, Body=content, Metadata={_TOKEN: token}, **condition
        )
        version: str = reply["ETag"]
        return version

    def put_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            if path.stat().st_size < _IN_PARTS_FROM:
                self._client.put_object(Bucket=self._bucket, Key=name, Body=file)
                return
            # Files go side by side already: each has one thread.
            parts = TransferConfig(use_threads=False, multipart_threshold=_IN_PARTS_FROM)
            self._part_client.upload_fileobj(file, self._bucket, name, Config=parts)

    def delete(self, names: Sequence[str]) -> None:
        listed = {"Objects": [{"Key": name} for name in names], "Quiet": True}
        reply = self._client.delete_objects(Bucket=self._bucket, Delete=listed)
        for problem in reply.get("Errors", ()):
            raise exceptions.ClientError({"Error": problem}, "DeleteObjects")

    def page(self, prefix: str, after: str | None) -> tuple[Sequence[Entry], str | None]:
        further = {} if after is None else {"ContinuationToken": after}
        reply = self._client.list_objects_v2(
            Bucket=self._bucket, Prefix=prefix, MaxKeys=PAGE, **further
        )
        entries = [
            Entry(item["Key"], item["Size"], item["LastModified"])
            for item in reply.get("Contents", ())
        ]
        return entries, reply.get("NextContinuationToken")

    def page_of_versions(
        self, prefix: str, after: str | None
    ) -> tuple[Sequence[Version], str | None]:
        # Versions of a key come newest first; the one before may have ended the page before.
        begin, newer = json.loads(after) if after is not None else ({}, None)
        reply = self._client.list_object_versions(
            Bucket=self._bucket, Prefix=prefix, MaxKeys=PAGE, **begin
        )
        found = [*reply.get("Versions", ()), *reply.get("DeleteMarkers", ())]
        found.sort(key=lambda item: item["LastModified"], reverse=True)
        found.sort(key=lambda item: (item["Key"], not item["IsLatest"]))
        versions = []
        for item in found:
            replaced_at = None
            if not item["IsLatest"] and newer is not None and newer[0] == item["Key"]:
                replaced_at = datetime.fromisoformat(newer[1])
            versions.append(
                Version(
                    item["Key"],
                    item["VersionId"],
                    item.get("Size", 0),
                    item["LastModified"],
                    replaced_at,
                )
            )
            newer = [item["Key"], item["LastModified"].isoformat()]
        if not reply["IsTruncated"]:
            return versions, None
        begin = {"KeyMarker": reply["NextKeyMarker"]}
        if "NextVersionIdMarker" in reply:
            begin["VersionIdMarker"] = reply["NextVersionIdMarker"]
        return versions, json.dumps([begin, newer])

    def delete_version(self, name: str, version: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=name, VersionId=version)

    def fault_of(self, error: Exception) -> Fault | None:
        if isinstance(error, exceptions.ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            known = _MEANINGS.get(self.code_of(error))
            if known is not None:
                return known
            if status in _REFUSED_STATUSES or "AccessDenied" in self.code_of(error):
                return Fault.REFUSED
            return Fault.TRANSIENT if status in _TRANSIENT_STATUSES else Fault.OTHER
        if isinstance(error, _NO_CREDENTIALS):
            return Fault.REFUSED
        if isinstance(error, _NO_ANSWER):
            return Fault.TRANSIENT
        return Fault.OTHER if isinstance(error, exceptions.BotoCoreError) else None

    def code_of(self, error: Exception) -> str:
        if isinstance(error, exceptions.ClientError):
            return str(error.response.get("Error", {}).get("Code", "an error"))
        return type(error).__name__


@lru_cache(maxsize=32)
def _client(access: S3Access, timeout: float, attempts: int) -> Any:
    key, secret = access.access_key_id, access.secret_access_key
    return boto3.session.Session().client(
        "s3",
        region_name=access.region,
        endpoint_url=access.endpoint,
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            max_pool_connections=2 * CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": attempts},
            # Other servers seldom have a name for each bucket.
            s3={"addressing_style": "path" if access.endpoint else "auto"},
        ),
    )


_one_at_a_time = threading.Lock()  # making a client is not safe among threads, using one is


def _shared_client(access: S3Access, timeout: float, attempts: int) -> Any:
    with _one_at_a_time:
        return _client(access, timeout, attempts)
