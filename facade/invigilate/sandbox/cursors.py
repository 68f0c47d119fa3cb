"""Page tokens: opaque, valid for one list with the same filters, until they are expired."""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b

from .problems import invalid
from .store import START

_WIDTH = 8


class Cursors:
    """Issues the page tokens of one API, and reads them back.

    Args:
        key: decides the tokens.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._generation = 0

    def expire(self) -> None:
        """Invalidate all tokens that were issued."""
        self._generation += 1

    def issue(self, scope: str, position: int) -> str:
        """Issue a token.

        Args:
            scope: the list and its filters.
            position: where the next page starts.
        """
        plain = position.to_bytes(_WIDTH)
        return base64.urlsafe_b64encode(plain + self._seal(scope, plain)).decode().rstrip("=")

    def read(self, scope: str, token: str | None) -> int:
        """The position of a token; the start without a token.

        Raises:
            Problem: the token is unknown, has expired or belongs to another list or other filters.
        """
        if token is None:
            return START
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            data = b""
        position = int.from_bytes(data[:_WIDTH])
        if token != self.issue(scope, position):
            raise invalid("The page token is unknown, has expired, or belongs to another list.")
        return position

    def _seal(self, scope: str, plain: bytes) -> bytes:
        text = f"{self._key}/{self._generation}/{scope}/".encode()
        return blake2b(text + plain, digest_size=10).digest()
