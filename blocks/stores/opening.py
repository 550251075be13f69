"""From a root's address to its store.

Belongs here: which backend an address stands for. Does not belong here: where a lake keeps what
(`lake.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from blocks.store import Store
from blocks.stores.access import GcsAccess, Patience, S3Access
from blocks.stores.bucket import Bucket
from blocks.stores.local import LocalStore
from tasks.contracts.errors import ConfigurationError

KINDS = "a path, file:///path, s3://bucket/prefix or gs://bucket/prefix"


def open_store(address: str | Path, *, patience: Patience | None = None, **access: Any) -> Store:
    """Open the store at `address`: a folder of this machine, or a bucket with an optional prefix.

    `access` are the fields of S3Access or GcsAccess, whichever the address asks for; a folder has
    none. Nothing is read: whether the bucket is there shows at the first use. Raises
    ConfigurationError.
    """
    text = str(address)
    if isinstance(address, Path) or "://" not in text:
        return LocalStore(Path(text))
    parts = urlsplit(text)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(
            f"a storage root is {KINDS}, without a query, a fragment or credentials in it"
        )
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return LocalStore(Path(parts.path))
    if parts.scheme not in ("s3", "gs") or not parts.netloc:
        raise ConfigurationError(f"{text}: a storage root is {KINDS}")
    return _in_bucket(parts, patience or Patience(), access)


def _in_bucket(parts: SplitResult, patience: Patience, access: dict[str, Any]) -> Store:
    # Loaded only here: the libraries take most of a second, and a laptop needs none of them.
    from blocks.stores.object_store import ObjectStore  # noqa: PLC0415

    bucket: Bucket
    if parts.scheme == "s3":
        from blocks.stores.s3_bucket import S3Bucket  # noqa: PLC0415

        bucket = S3Bucket(parts.netloc, S3Access(**access), patience)
    else:
        from blocks.stores.gcs_bucket import GcsBucket  # noqa: PLC0415

        bucket = GcsBucket(parts.netloc, GcsAccess(**access), patience)
    return ObjectStore(bucket, parts.path.strip("/"), patience)
