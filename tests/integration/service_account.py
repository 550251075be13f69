"""Keys of Google service accounts that open nothing."""

from __future__ import annotations

import json
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def key_with(canary: str) -> str:
    """Return the JSON text of a key that is whole, with `canary` as its id."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "shop-data",
            "private_key_id": canary,
            "private_key": _private_key(),
            "client_email": "lake@shop-data.example",
            "token_uri": "http://127.0.0.1:9/token",
        }
    )
