"""A compiled artifact: the specification of a pipeline and one environment in one sealed document.

Belongs here: its model, its bytes, its seal, and what makes a document no artifact of ours. Does
not belong here: making one (`tasks/compiling.py`), finding one (`blocks/artifact_files.py`), or
what the specification and the settings in it mean.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.contracts.errors import DriftedArtifactError, ForeignArtifactError
from tasks.contracts.names import Name

PROJECT = "medallion-flows"
FORMAT_VERSION = 1
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Artifact(BaseModel):
    """What runs of one pipeline in one environment are told, frozen; secrets by reference only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(description="Of this document; another one is refused.")
    project: str = Field(description="The project that it belongs to.")
    project_version: str = Field(description="The version of the project that made it.")
    logic_fingerprint: str = Field(description="Of the SQL and the transforms that it belongs to.")
    pipeline: Name
    environment: Name
    spec: dict[str, Any] = Field(description="The specification with its defaults.")
    settings: dict[str, Any] = Field(description="What the environment says, with its defaults.")
    sha256: Sha256 = Field(description="Of all the rest.")

    @property
    def name(self) -> str:
        """The artifact's name among others: `ecommerce.prod`."""
        return f"{self.pipeline}.{self.environment}"


def sealed(**content: Any) -> Artifact:
    """Return an artifact of `content` (all fields but the hash), with its hash."""
    bare = Artifact(sha256="0" * 64, **content)
    return bare.model_copy(update={"sha256": _hash(bare.model_dump(mode="json"))})


def artifact_bytes(artifact: Artifact) -> bytes:
    """Return the document: the same bytes for the same content, whoever makes it and when."""
    content = artifact.model_dump(mode="json")
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def read_artifact(document: bytes, where: str) -> Artifact:
    """Return the artifact that `document` holds; `where` names it in errors.

    Raises ForeignArtifactError for what another project made, or for no artifact at all, and
    DriftedArtifactError for one of another format or one that was changed.
    """
    try:
        content = json.loads(document)
    except ValueError as error:
        raise ForeignArtifactError(f"{where}: is no artifact: no JSON ({error})") from None
    if not isinstance(content, dict) or content.get("project") != PROJECT:
        whose = content.get("project") if isinstance(content, dict) else None
        told = f"'{whose}' made it" if isinstance(whose, str) else "it names no project"
        raise ForeignArtifactError(f"{where}: is no artifact of {PROJECT}: {told}")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise DriftedArtifactError(
            f"{where}: has format {version}, and this version reads {FORMAT_VERSION}; "
            "compile it anew"
        )
    if content.get("sha256") != _hash(content):
        raise DriftedArtifactError(
            f"{where}: its content is not what its hash says: it was changed after it was "
            "compiled; compile it anew"
        )
    try:
        return Artifact.model_validate(content)
    except ValidationError as error:
        paths = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise DriftedArtifactError(f"{where}: {paths}: is wrong; compile it anew") from None


def _hash(content: dict[str, Any]) -> str:
    """Hash what a document says, however it is laid out.

    The order of names counts: that of columns is part of what a specification says.
    """
    rest = {key: value for key, value in content.items() if key != "sha256"}
    text = json.dumps(rest, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
