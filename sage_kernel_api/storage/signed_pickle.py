"""Pickle for those who ask for it: nothing is unpickled before its signature was checked.

Layer: storage.
"""

from __future__ import annotations

import hashlib
import hmac
import pickle
from typing import Final

from sage_kernel_api.errors import ConfigurationError, StateError
from sage_kernel_api.values import Payload

__all__ = ["SIGNATURE_BYTES", "SignedPickle"]

SIGNATURE_BYTES: Final = 32
_LEAST_KEY_BYTES: Final = 16
# Part of what is signed, so that a signature made for another purpose is not good here.
_PURPOSE: Final = b"sage-kernel pickle 1\0"


class SignedPickle:
    """Values as pickle behind an HMAC-SHA256.

    Whoever has the key can run code wherever a checkpoint is read: keep it as a password.
    """

    def __init__(self, key: object) -> None:
        """Use *key*.

        Raises:
            ConfigurationError: It is no bytes, or shorter than 16 bytes.
        """
        if not isinstance(key, bytes) or len(key) < _LEAST_KEY_BYTES:
            raise ConfigurationError(
                f"pickle_key must be at least {_LEAST_KEY_BYTES} bytes that nobody can guess, "
                'for example from `python -c "import secrets; print(secrets.token_hex(32))"`.'
            )
        self._key = key

    def dump(self, value: Payload) -> bytes:
        """Return signature and pickle.

        Raises: whatever pickling the value raises.
        """
        body = pickle.dumps(value, 5)
        return self._sign(body) + body

    def load(self, data: bytes) -> Payload:
        """Check the signature, then unpickle.

        Raises:
            StateError: The signature does not fit; nothing was unpickled.
        """
        signature, body = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body)):
            raise StateError(
                "A pickled value was signed with another pickle_key, or was changed since. It was "
                "not read. Give the key that it was written with."
            )
        return pickle.loads(body)

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, _PURPOSE + body, hashlib.sha256)
