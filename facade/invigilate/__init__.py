"""Python SDK for the documented HTTP APIs of SmarterProctoring and iSpring Learn.

Clients and what else belongs to one API are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from invigilate_runtime import UNSET, Pagination

from . import errors
from ._binding import Async, AsyncRaw, Lazy, Operation, RawView, Resource, Sync, SyncRaw, operation
from ._limits import Timeout
from ._pagination import Page
from ._paging import AsyncPager, Pager
from ._timestamps import parse_timestamp
from ._values import AttemptEvent, ConnectionStats, RawResponse
from ._version import __version__
from .errors import *  # noqa: F403  # its __all__ is the tree of errors

if TYPE_CHECKING:
    from .ispring import AsyncISpringLearn, ISpringLearn, parse_ispring_time
    from .smarterproctoring import AsyncSmarterProctoring, CheckResult, Compared, SmarterProctoring, Verdict, parse_sid

__all__ = [
    "UNSET",
    "Async",
    "AsyncISpringLearn",
    "AsyncPager",
    "AsyncRaw",
    "AsyncSmarterProctoring",
    "AttemptEvent",
    "CheckResult",
    "Compared",
    "ConnectionStats",
    "ISpringLearn",
    "Lazy",
    "Operation",
    "Page",
    "Pager",
    "Pagination",
    "RawResponse",
    "RawView",
    "Resource",
    "SmarterProctoring",
    "Sync",
    "SyncRaw",
    "Timeout",
    "Verdict",
    "__version__",
    "operation",
    "parse_ispring_time",
    "parse_sid",
    "parse_timestamp",
]
__all__ += errors.__all__


def __getattr__(name: str) -> Any:
    from ._apis import APIS

    for api in APIS:
        if name in {*api.clients, *api.exports}:
            value = globals()[name] = getattr(import_module(f"{__name__}.{api.key}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
