"""Bugs that are put into the library on purpose, to show that the simulation finds them.

Each changes the source of one module as it is imported. A text that is not in the source any more is an error, so the
list cannot become outdated unnoticed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any, NamedTuple


class Bug(NamedTuple):
    """A bug.

    Attributes:
        name: in a few words.
        module: where it is.
        changes: texts of the source, and what replaces each.
    """

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]


def _bug(name: str, module: str, *texts: str) -> Bug:
    return Bug(name, f"invigilate.{module}", tuple(zip(texts[::2], texts[1::2], strict=True)))


BUGS = (
    _bug(
        "a lost response counts as not sent", "_policy",
        "return Outcome.UNKNOWN if sent else Outcome.NOT_SENT", "return Outcome.NOT_SENT",
    ),
    _bug(
        "a 5xx counts as refused", "_policy",
        "if 400 <= status_code < 500 and", "if 400 <= status_code and",
    ),
    _bug("a 408 counts as refused", "_policy", " and status_code != 408:", ":"),
    _bug("a redirect counts as refused", "_policy", "if 400 <= status_code < 500", "if 300 <= status_code < 500"),
    _bug("everything is retried", "_policy", "elif not idempotent and not settled:", "elif False:"),
    _bug(
        "a timeout counts as not sent", "_engine",
        "sent=self.send is None or self.send.sent)\n            if isinstance",
        'sent=(self.send is None or self.send.sent) and not getattr(result, "timed_out", False))\n'
        "            if isinstance",
    ),
    _bug(
        "only the last attempt counts as sent", "_engine",
        "error.sent = error.sent or self.sent", "pass",
    ),
    _bug(
        "sending is noted when the head of the response has come", "_http.connection",
        "        send.sent = True\n", "",
        "        send.status = response.status_code\n", "        send.status, send.sent = response.status_code, True\n",
    ),
    _bug(
        "a request that is not idempotent goes over a kept connection", "_http.pool",
        "if send.reuse and state.idle:", "if state.idle:",
    ),
    _bug(
        "a connection is kept although more came after the response", "_http.connection",
        ' and http.trailing_data == (b"", False)', "",
    ),
    _bug(
        "a 2xx that cannot be decoded counts as a failure", "_outcomes",
        "    if prepared.idempotent:\n        return error\n", "    if True:\n        return error\n",
    ),
    _bug(
        "waiting for a response has no limit", "_http.connection",
        "limit = self._http, Limit(send.timeout.read, send.deadline)", "limit = self._http, Limit(None, None)",
    ),
    _bug(
        "`check` believes values that are older than the request", "smarterproctoring.verdicts",
        "stale = changed is not None and sent_from is not None and changed < sent_from", "stale = False",
    ),
    _bug(
        "`check` says APPLIED without evidence that the values are new", "smarterproctoring.verdicts",
        "if booked_since or self.moved():", "if True:",
    ),
    _bug(
        "`check` expects times to the second", "smarterproctoring.verdicts",
        "return first == second or (None if abs(first - second) < margin else False)", "return first == second",
    ),
    _bug(
        "`check` reads over a kept connection", "smarterproctoring.verdicts",
        "fresh=True", "fresh=False",
    ),
    _bug(
        "a pager believes a page of another offset", "_pagination",
        "if count and shown not in {None, offset}:", "if False:",
    ),
    _bug(
        "a pager takes any refused page for the end", "_pagination",
        "if not beyond or self._promised or error.status_code not in _BEYOND:",
        "if error.status_code not in _BEYOND:",
    ),
    _bug(
        "a run does not record that it starts a row", "cli.runs",
        "            self._results.write(item, State.STARTED)\n", "",
    ),
    _bug(
        "a run sends rows again that were interrupted", "cli.runs",
        "return self.of(results, None, State.NOT_SENT,", "return self.of(results, None, State.STARTED, State.NOT_SENT,",
    ),
    _bug(
        "a checkpoint counts rows that are not on the disk", "export.checkpoint",
        "                sync_file(file)\n", "",
        "if crc != record.crc:", "if False:",
    ),
    _bug(
        "an export does not see where a page says that it starts", "export.raw",
        "named = (pagination.parameter, pagination.total,", "named = (pagination.total,",
    ),
    _bug(
        "tokens are not masked", "_engine",
        "[*self.prepared.secrets, *self.tokens, *self.credentials.hidden]", "[*self.prepared.secrets]",
    ),
    _bug(
        "sensitive arguments are not masked", "_engine",
        "[*self.prepared.secrets, *self.tokens, *self.credentials.hidden]", "[*self.tokens]",
    ),
    _bug(
        "every request that waits fetches a token", "ispring.credentials",
        "            token = self.current()\n            if token is not None:\n                return token\n"
        "            if self._failure", "            if self._failure",
    ),
)  # fmt: skip


class _Loader(SourceFileLoader):
    changes: Sequence[tuple[str, str]]

    def get_code(self, fullname: str) -> Any:
        source = self.get_data(self.path).decode()
        for old, new in self.changes:
            if old not in source:
                raise ValueError(f"{fullname} has no {old!r}")
            source = source.replace(old, new)
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, bug: Bug) -> None:
        self._bug = bug

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == self._bug.module else None
        if spec is None or spec.origin is None:
            return None
        loader = _Loader(name, spec.origin)
        loader.changes = self._bug.changes
        spec.loader = loader
        return spec


def put_in(bug: Bug) -> None:
    """Put a bug into the library, which this process must not have imported yet."""
    if bug.module in sys.modules:
        raise RuntimeError(f"{bug.module} was imported already")
    sys.meta_path.insert(0, _Finder(bug))
