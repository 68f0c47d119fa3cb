"""Refusals: what an operation raises instead of returning a response."""

from __future__ import annotations

from collections.abc import Mapping

INVALID_INPUT = "INVALIDINPUT"
NOT_FOUND = "RESOURCENOTFOUND"
AUTHENTICATION_FAILED = "AUTHENTICATIONFAILED"
INVALID_TOKEN = "INVALIDTOKEN"
CONFLICT = "RESOURCECONFLICT"
WRONG_METHOD = "UNSUPPORTEDHTTPVERB"
DEFECT = "SANDBOXDEFECT"
FAULT = "SANDBOXFAULT"


class Problem(Exception):
    """A refused request, with the status and the code of the refusal. Each API renders it in its own shape."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def invalid(message: str) -> Problem:
    """The input is not what is documented."""
    return Problem(400, INVALID_INPUT, message)


def missing(what: str) -> Problem:
    """Something named in the request does not exist."""
    return Problem(404, NOT_FOUND, f"{what} was not found.")


def conflict(message: str) -> Problem:
    """The request does not fit the current state."""
    return Problem(409, CONFLICT, message)
