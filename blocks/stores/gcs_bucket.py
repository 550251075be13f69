"""Requests to Google Cloud Storage, or to any server that speaks its JSON protocol.

Belongs here: google-cloud-storage, and what its errors mean. Does not belong here: trying again,
and the words that users read (`object_store.py`).
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import requests
import urllib3
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY
from google.oauth2 import service_account

from blocks.store import Entry
from blocks.stores.access import GcsAccess, Patience
from blocks.stores.bucket import CONNECTIONS, PAGE, Content, Fault, Head, Version
from tasks.contracts.errors import ConfigurationError

_TOKEN = "medallion-swap"  # noqa: S105 - the name of a mark, not a secret
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_MEANINGS = {401: Fault.REFUSED, 403: Fault.REFUSED, 404: Fault.ABSENT, 412: Fault.CONFLICT}
_TRANSIENT_STATUSES = (408, 409, 429, 500, 502, 503, 504)
_NO_ANSWER = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3.exceptions.HTTPError,
    TransportError,
    DataCorruption,
    ConnectionError,
    TimeoutError,
)


class GcsBucket:
    """One bucket; clients are made at the first use and shared by buckets with the same access."""

    def __init__(self, name: str, access: GcsAccess, patience: Patience) -> None:
        self.address = f"gs://{name}"
        self._bucket = name
        self._access = access
        self._patience = patience
        # Every request is tried once: the store tries it again. `timeout` is that of a silence.
        self._once = {"retry": None, "timeout": patience.timeout}

    @cached_property
    def _client(self) -> Client:
        with _one_at_a_time:
            return _client(self._access)

    def _blob(self, name: str) -> Blob:
        return self._client.bucket(self._bucket).blob(name)

    def get(self, name: str) -> Content:
        blob = self._blob(name)
        content = blob.download_as_bytes(raw_download=True, **self._once)
        return Content(content, str(blob.generation))

    def get_part(self, name: str, version: str, start: int, stop: int) -> bytes:
        content: bytes = self._blob(name).download_as_bytes(
            start=start,
            end=stop - 1,
            if_generation_match=int(version),
            raw_download=True,
            checksum=None,  # known of whole objects only
            **self._once,
        )
        return content

    def head(self, name: str) -> Head:
        blob = self._blob(name)
        blob.reload(**self._once)
        return Head(blob.size, str(blob.generation), (blob.metadata or {}).get(_TOKEN))

    def put(self, name: str, content: bytes) -> None:
        self._blob(name).upload_from_string(
            content, content_type="application/octet-stream", **self._once
        )

    def put_if(self, name: str, content: bytes, expected: str | None, token: str) -> str:
        blob = self._blob(name)
        blob.metadata = {_TOKEN: token}
        blob.upload_from_string(
            content,
            content_type="application/octet-stream",
            if_generation_match=_generation(expected),
            **self._once,
        )
        return str(blob.generation)

    def put_file(self, name: str, path: Path) -> None:
        # A large file goes in parts: one that fails must not send the others again.
        again = DEFAULT_RETRY.with_delay(
            initial=self._patience.first_delay, maximum=self._patience.longest_delay
        )
        self._blob(name).upload_from_filename(
            str(path),
            content_type="application/octet-stream",
            checksum="crc32c",
            retry=again,
            timeout=self._patience.timeout,
        )

    def delete(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(self._delete, names))

    def _delete(self, name: str) -> None:
        try:
            self._blob(name).delete(**self._once)
        except NotFound as error:
            if self.fault_of(error) is Fault.NO_BUCKET:
                raise

    def page(self, prefix: str, after: str | None) -> tuple[Sequence[Entry], str | None]:
        listing = self._client.list_blobs(
            self._bucket, prefix=prefix, page_token=after, page_size=PAGE, **self._once
        )
        blobs = next(listing.pages, ())
        entries = [Entry(blob.name, blob.size, blob.updated) for blob in blobs]
        return entries, listing.next_page_token

    def page_of_versions(
        self, prefix: str, after: str | None
    ) -> tuple[Sequence[Version], str | None]:
        listing = self._client.list_blobs(
            self._bucket,
            prefix=prefix,
            versions=True,
            page_token=after,
            page_size=PAGE,
            **self._once,
        )
        found = [
            Version(blob.name, str(blob.generation), blob.size, blob.updated, blob.time_deleted)
            for blob in next(listing.pages, ())
        ]
        return found, listing.next_page_token

    def delete_version(self, name: str, version: str) -> None:
        bucket = self._client.bucket(self._bucket)
        try:
            bucket.blob(name, generation=int(version)).delete(**self._once)
        except NotFound as error:
            if self.fault_of(error) is Fault.NO_BUCKET:
                raise

    def fault_of(self, error: Exception) -> Fault | None:
        if isinstance(error, NotFound) and "bucket does not exist" in str(error):
            return Fault.NO_BUCKET
        if isinstance(error, GoogleAPICallError):
            if error.code in _TRANSIENT_STATUSES:
                return Fault.TRANSIENT
            return _MEANINGS.get(error.code or 0, Fault.OTHER)
        if isinstance(error, _NO_ANSWER):
            return Fault.TRANSIENT
        if isinstance(error, GoogleAuthError):
            return Fault.TRANSIENT if error.retryable else Fault.REFUSED
        return Fault.OTHER if isinstance(error, requests.RequestException) else None

    def code_of(self, error: Exception) -> str:
        if isinstance(error, GoogleAPICallError):
            return f"{error.code} {type(error).__name__}"
        return type(error).__name__


def _generation(version: str | None) -> int:
    """Return the number of a version; 0 means that there must be no object, -1 is that of none."""
    if version is None:
        return 0
    return int(version) if version.isdecimal() and int(version) else -1


@lru_cache(maxsize=32)
def _client(access: GcsAccess) -> Client:
    options = {"api_endpoint": access.endpoint} if access.endpoint else None
    if access.credentials is not None:
        key = _service_account(access.credentials.get_secret_value())
        return Client(project=key.project_id, credentials=key, client_options=options)
    if options is not None:  # a stand-in for Google's servers knows no accounts of Google's
        nobody: Any = AnonymousCredentials  # untyped
        return Client(project="none", credentials=nobody(), client_options=options)
    return Client(project=None)  # asked for only where buckets are made


def _service_account(text: str) -> Any:
    kind: Any = service_account.Credentials  # untyped
    with contextlib.suppress(ValueError, TypeError, AttributeError, GoogleAuthError):
        return kind.from_service_account_info(json.loads(text), scopes=[_SCOPE])
    raise ConfigurationError("the credentials of the lake are no key of a Google service account")


_one_at_a_time = threading.Lock()
