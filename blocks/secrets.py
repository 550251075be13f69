"""Secrets of an environment: held or referred to, and never written in a file.

Belongs here: references to secrets, looking them up, and recognising one that was written where
only a reference belongs. Does not belong here: what a secret opens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from tasks.contracts.errors import ConfigurationError

HOW_TO_REFER = "refer to it: {secret: NAME-OF-A-PREFECT-SECRET-BLOCK} or {env: VARIABLE}"
BlockName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


class SecretReference(BaseModel):
    """Where a secret lies: in a Prefect Secret block, or in a variable of the process."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: BlockName | None = Field(None, description="Name of a Prefect Secret block.")
    env: VariableName | None = Field(None, description="Name of an environment variable.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for _, value in self) != 1:
            raise ValueError(f"give exactly one of: {', '.join(type(self).model_fields)}")
        return self


class CredentialsReference(SecretReference):
    """Where the key of a service account lies; it may also be a block of prefect-gcp."""

    block: BlockName | None = Field(None, description="Name of a GcpCredentials block.")


def _no_text(value: Any, info: ValidationInfo, kind: type[SecretReference]) -> Any:
    """Take what holds a secret or refers to one; a variable that is set is looked up at once."""
    if not isinstance(value, Mapping):
        if value is None or isinstance(value, SecretStr | SecretReference):
            return value
        raise ValueError(f"a secret does not belong here; {HOW_TO_REFER}")
    reference = kind.model_validate(value)
    variables = (info.context or {}).get("variables", {})
    found = variables.get(reference.env) if reference.env is not None else None
    return SecretStr(found) if found else reference


def _secret(value: Any, info: ValidationInfo) -> Any:
    return _no_text(value, info, SecretReference)


def _credentials(value: Any, info: ValidationInfo) -> Any:
    return _no_text(value, info, CredentialsReference)


HeldSecret = Annotated[SecretStr | SecretReference, BeforeValidator(_secret)]
HeldCredentials = Annotated[SecretStr | CredentialsReference, BeforeValidator(_credentials)]


def look_up(held: SecretStr | SecretReference | None, where: str) -> SecretStr | None:
    """Return a secret, asking the Prefect API for one that lies in a block.

    `where` names the setting in errors. Raises ConfigurationError, never with a secret in it.
    """
    if held is None or isinstance(held, SecretStr):
        return held
    if held.env is not None:
        raise ConfigurationError(f"{where}: the variable {held.env} is not set")
    if isinstance(held, CredentialsReference) and held.block is not None:
        from blocks.gcp_keys import key_of_block  # noqa: PLC0415 - Prefect is slow

        return key_of_block(held.block, where)
    from prefect.blocks.system import Secret  # noqa: PLC0415 - Prefect is slow

    try:
        value: Any = cast("Secret[Any]", Secret.load(str(held.secret))).get()
    except ValueError:
        text = (
            f"{where}: there is no Prefect Secret block '{held.secret}'; save one under this name"
        )
        raise ConfigurationError(text) from None
    return SecretStr(value if isinstance(value, str) else json.dumps(value))


# Names of settings whose value is a secret, whatever it looks like.
_SECRET_NAME = re.compile(
    r"secret|passw|token|credential|private|(api|access|mask|account|signing)_?key|^key$",
    re.IGNORECASE,
)
# What secrets look like, whatever their setting is called.
_SECRET_TEXTS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\b(gh[pousr]_|github_pat_|xox[abps]-|sk-|pnu_|pnb_|AIza|ya29\.)[\w.-]{16}"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}"),
    re.compile(r"://[^/\s:@]*:[^/\s@]+@"),
    re.compile(r"[?&](sig|token|signature|x-amz-signature)=", re.IGNORECASE),
    # Long, and with everything in it that people do not put into names.
    re.compile(r"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+/=_-]{32,}$"),
    re.compile(r"^[0-9a-f]{32,}$"),
)


def written_secrets(document: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of values that look like secrets themselves, not like references to them."""
    if isinstance(document, Mapping):
        refers = document.keys() <= CredentialsReference.model_fields.keys()
        for name, value in document.items():
            below = f"{path}.{name}" if path else str(name)
            plain = isinstance(value, str | int | float) and not isinstance(value, bool)
            if plain and not refers and _SECRET_NAME.search(str(name)):
                yield below
            else:
                yield from written_secrets(value, below)
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from written_secrets(value, f"{path}[{place}]")
    elif isinstance(document, str) and any(look.search(document) for look in _SECRET_TEXTS):
        yield path
