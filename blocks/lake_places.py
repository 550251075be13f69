"""Where the layers of a lake are: a folder, or buckets of GCS or S3.

Belongs here: the kinds of storage, their roots, and what opens them, as plain settings. Does not
belong here: the objects (`store.py`), and the Prefect blocks that hold these settings
(`lake_blocks.py`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.secrets import HeldCredentials, HeldSecret, look_up
from tasks.contracts.errors import ConfigurationError

LAYERS = ("control", "bronze", "silver", "gold", "preaggregations")
_BUCKET_URL = re.compile(r"(gs|s3)://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[\w.=+-]+)*/?", re.ASCII)
_PLAIN = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LayerRoots(BaseModel):
    """A root a layer; layers without one of their own lie below the common root."""

    SCHEME: ClassVar[str] = ""

    root: str | None = Field(
        None,
        title="Common root",
        description="Root of every layer that has none of its own: control data lies directly in "
        "it, the others in a folder named after the layer.",
    )
    control: str | None = Field(
        None, description="Root of releases, pointers, audit records and reports."
    )
    bronze: str | None = Field(None, description="Root of the rows as they were received.")
    silver: str | None = Field(
        None,
        description="Root of base silver, quarantine, dimension snapshots and enrichment.",
    )
    gold: str | None = Field(None, description="Root of the gold tables.")
    preaggregations: str | None = Field(
        None,
        title="Pre-aggregations",
        description="Root of what the semantic layer aggregates ahead of its readers.",
    )

    @model_validator(mode="after")
    def _every_layer_has_a_root(self) -> Self:
        missing = [layer for layer in LAYERS if getattr(self, layer) is None]
        if missing and self.root is None:
            raise ValueError(f"no root is given, and none for: {', '.join(missing)}")
        for name in ("root", *LAYERS):
            given = getattr(self, name)
            if given is not None and not self._is_root(given):
                looks = f"{self.SCHEME}bucket/folder" if self.SCHEME else "a path of a folder"
                raise ValueError(f"{name} must look like {looks}, without credentials")
        return self

    @classmethod
    def _is_root(cls, text: str) -> bool:
        parts = text.removeprefix(cls.SCHEME).split("/")
        if not cls.SCHEME:
            return bool(text) and "://" not in text and "\0" not in text
        sound = _BUCKET_URL.fullmatch(text) is not None and not {".", ".."} & set(parts)
        return sound and text.startswith(cls.SCHEME)

    def layer_roots(self) -> dict[str, str]:
        """Return {layer: root}, of `control` and every layer of data; none ends with `/`."""
        common = self.root or ""
        below = {layer: f"{common.rstrip('/')}/{layer}" for layer in LAYERS} | {"control": common}
        roots = {layer: getattr(self, layer) or below[layer] for layer in LAYERS}
        return {layer: root.rstrip("/") or "/" for layer, root in roots.items()}


class LocalRoots(LayerRoots):
    """A lake in folders of this machine, or of a disk that all workers mount."""

    kind: Literal["local"] = Field("local", description="The kind of storage.")
    root: str | None = Field(
        "lake",
        title="Common root",
        description="Folder of every layer that has none of its own; a relative one is meant from "
        "where the process starts.",
    )


class GcsRoots(LayerRoots):
    """A lake in buckets of Google Cloud Storage."""

    SCHEME: ClassVar[str] = "gs://"

    kind: Literal["gcs"] = Field("gcs", description="The kind of storage.")
    endpoint: str | None = Field(
        None, description="URL of another server that speaks the protocol of GCS."
    )


class S3Roots(LayerRoots):
    """A lake in buckets of S3, or of any store that speaks its protocol."""

    SCHEME: ClassVar[str] = "s3://"

    kind: Literal["s3"] = Field("s3", description="The kind of storage.")
    region: str | None = Field(None, description="Region of the buckets.")
    endpoint: str | None = Field(
        None, description="URL of another server that speaks the protocol of S3."
    )


class LocalPlaces(LocalRoots):
    """Settings of a lake in folders."""

    model_config = _PLAIN

    def opening(self) -> dict[str, Any]:
        """Return what opens the stores, beside their roots."""
        return {}


class GcsPlaces(GcsRoots):
    """Settings of a lake in buckets of Google Cloud Storage."""

    model_config = _PLAIN

    credentials: HeldCredentials | None = Field(
        None, description="Key of a service account; Google's default credentials without one."
    )

    def opening(self) -> dict[str, Any]:
        """Return what opens the stores: endpoint, and the key (SecretStr); raises as `look_up`."""
        return {
            "endpoint": self.endpoint,
            "credentials": look_up(self.credentials, "lake.credentials"),
        }


class S3Places(S3Roots):
    """Settings of a lake in buckets of S3."""

    model_config = _PLAIN

    access_key_id: HeldSecret | None = Field(
        None, description="Key id; what the machine itself is allowed to without one."
    )
    secret_access_key: HeldSecret | None = Field(None, description="The key's secret.")

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        check_key_pair(self.access_key_id, self.secret_access_key)
        return self

    def opening(self) -> dict[str, Any]:
        """Return what opens the stores: region, endpoint, key (SecretStr); raises as `look_up`."""
        return {
            "region": self.region,
            "endpoint": self.endpoint,
            "access_key_id": look_up(self.access_key_id, "lake.access_key_id"),
            "secret_access_key": look_up(self.secret_access_key, "lake.secret_access_key"),
        }


Places = Annotated[LocalPlaces | GcsPlaces | S3Places, Field(discriminator="kind")]


def check_key_pair(key_id: object, secret: object) -> None:
    """Raise ValueError where one half of an S3 key is given without the other."""
    if (key_id is None) != (secret is None):
        raise ValueError("access_key_id and secret_access_key go together")


def root_text(root: str | Path) -> str:
    """Return a root as text; a URL that went through a path gets back the `/` that it lost."""
    return re.sub(r"^(gs|s3):/(?=[^/])", r"\1://", str(root))


def is_url(root: str | Path) -> bool:
    """Tell whether `root` names a bucket and not a folder of this machine."""
    return "://" in root_text(root)


def check_url(option: str, root: str | Path) -> None:
    """Raise ConfigurationError if a URL that was given as `option` is none of a bucket."""
    found = urlsplit(root_text(root))
    plain = not (found.query or found.fragment or "@" in found.netloc)
    if found.scheme not in ("s3", "gs") or not found.netloc or not plain:
        raise ConfigurationError(
            f"{option}: must be a path, or look like s3://bucket/folder or gs://bucket/folder, "
            "without credentials"
        )


def places_at(root: str | Path, like: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the settings of a lake whose layers all lie below `root`, a folder or a URL.

    What opens it comes from `like`, where that is of the same kind.
    """
    text = root_text(root)
    kind = {"gs": "gcs", "s3": "s3"}.get(text.partition("://")[0], "local")
    same = like is not None and like.get("kind") == kind
    kept = {k: v for k, v in (like or {}).items() if k not in ("root", *LAYERS)} if same else {}
    return {**kept, "kind": kind, "root": text}
