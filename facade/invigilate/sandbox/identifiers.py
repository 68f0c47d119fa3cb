"""Identifiers and pseudo-random numbers that follow from a seed and from nothing else.

Each number is a keyed hash of its purpose and its index, so row 99,950 costs as much as row 0 and nothing has to be
generated in order.
"""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from hashlib import blake2b, sha256

_INDEX_BITS = 32


class Mint:
    """Creates identifiers for one scope (an install, an account) of one seed."""

    def __init__(self, seed: int, scope: str) -> None:
        self._key = blake2b(f"{seed}/{scope}".encode(), digest_size=32).digest()
        self._pinned: dict[tuple[str, str, int], str] = {}

    def pin(self, prefix: str, purpose: str, index: int, identifier: str) -> None:
        """Have `sid` (or `uuid`, whose prefix is empty) return this identifier for a purpose and an index."""
        self._pinned[prefix, purpose, index] = identifier

    def number(self, purpose: str, index: int = 0) -> int:
        """A number of 128 bits for a purpose and an index."""
        return int.from_bytes(self._digest(purpose, index))

    def fast_number(self, index: int) -> int:
        """A number of 128 bits for an index alone, for tables of many rows."""
        digest = blake2b(index.to_bytes(8), key=self._key, digest_size=16).digest()
        return int.from_bytes(digest)

    def sid(self, prefix: str, purpose: str, index: int = 0) -> str:
        """A SID: the prefix and 32 hexadecimal digits."""
        return self._pinned.get((prefix, purpose, index)) or prefix + self._digest(purpose, index).hex()

    def numbered_sid(self, prefix: str, purpose: str, index: int) -> str:
        """A SID from which `index_of` recovers the index, so that it need not be stored."""
        return f"{prefix}{self._digest(purpose, index).hex()[:24]}{index ^ self._mask(purpose):08x}"

    def index_of(self, prefix: str, purpose: str, sid: str) -> int | None:
        """The index that `numbered_sid` was passed, or None when this mint did not create the SID."""
        try:
            index = int(sid[-8:], 16) ^ self._mask(purpose)
        except ValueError:
            return None
        return index if self.numbered_sid(prefix, purpose, index) == sid else None

    def uuid(self, purpose: str, index: int = 0) -> str:
        """A random-looking UUID."""
        return self._pinned.get(("", purpose, index)) or str(uuid.UUID(bytes=self._digest(purpose, index), version=4))

    def secret(self, purpose: str, index: int = 0) -> str:
        """A string that is safe in URLs, for client secrets and access tokens."""
        digest = blake2b(f"{purpose}/{index}".encode(), key=self._key, digest_size=30).digest()
        return base64.urlsafe_b64encode(digest).decode()

    def jwt(self, claims: dict[str, object]) -> str:
        """A JSON Web Token with a signature that only this mint could check."""
        head = _base64url(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        payload = _base64url(json.dumps(claims, sort_keys=True).encode())
        signature = hmac.digest(self._key, f"{head}.{payload}".encode(), sha256)
        return f"{head}.{payload}.{_base64url(signature)}"

    def _digest(self, purpose: str, index: int) -> bytes:
        return blake2b(f"{purpose}/{index}".encode(), key=self._key, digest_size=16).digest()

    def _mask(self, purpose: str) -> int:
        return int.from_bytes(self._digest(f"{purpose}/mask", 0)) % (1 << _INDEX_BITS)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
