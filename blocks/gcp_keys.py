"""Keys of Google service accounts: the text that is one, and prefect-gcp's block that holds it.

Belongs here: turning the one into the other. Does not belong here: what a key opens.
"""

from __future__ import annotations

import json

from prefect_gcp import GcpCredentials
from pydantic import SecretStr

from blocks.secrets import CredentialsReference, look_up
from tasks.contracts.errors import ConfigurationError


def key_text(credentials: GcpCredentials | None) -> SecretStr | None:
    """Return the JSON text of a service account's key; None leaves it to Google's defaults."""
    if credentials is None:
        return None
    if credentials.service_account_info is not None:
        return SecretStr(json.dumps(credentials.service_account_info.get_secret_value()))
    if credentials.service_account_file is not None:
        return SecretStr(credentials.service_account_file.read_text(encoding="utf-8"))
    return None


def key_of_block(name: str, where: str) -> SecretStr | None:
    """Return the key that a saved GcpCredentials block holds; raises ConfigurationError."""
    return key_text(load_credentials(name, where))


def load_credentials(name: str, where: str) -> GcpCredentials:
    """Load a saved GcpCredentials block; raises ConfigurationError."""
    try:
        found: GcpCredentials = GcpCredentials.load(name)
    except ValueError:
        text = f"{where}: there is no GCP Credentials block '{name}'; save one under this name"
        raise ConfigurationError(text) from None
    except RuntimeError:  # its cause quotes what the block holds
        text = f"{where}: the GCP Credentials block '{name}' cannot be used; save it anew"
        raise ConfigurationError(text) from None
    return found


def as_credentials(
    held: SecretStr | CredentialsReference | None, where: str
) -> GcpCredentials | None:
    """Return the block for a key: the saved one that is referred to, or one that holds it."""
    if isinstance(held, CredentialsReference) and held.block is not None:
        return load_credentials(held.block, where)
    key = look_up(held, where)
    if key is None:
        return None
    try:
        return GcpCredentials(service_account_info=json.loads(key.get_secret_value()))
    except ValueError:  # of JSON, of pydantic, or of the private key: each quotes what it got
        text = f"{where}: this is not the JSON text of a Google service account's key"
        raise ConfigurationError(text) from None
