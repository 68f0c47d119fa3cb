"""Python SDK for the documented HTTP APIs of SmarterProctoring and iSpring Learn."""

from . import errors
from ._base import ConnectionStats
from ._binding import (
    Async,
    AsyncRaw,
    Operation,
    RawResponse,
    RawView,
    Resource,
    Sync,
    SyncRaw,
    operation,
)
from ._clients import AsyncISpringLearn, AsyncSmarterProctoring, ISpringLearn, SmarterProctoring
from ._paging import AsyncPager, Page, Pager
from ._timestamps import parse_ispring_time, parse_timestamp
from ._version import __version__
from .errors import *  # noqa: F403  # its __all__ is the tree of errors
from .sids import parse_sid
from .verdicts import CheckResult, Compared, Verdict

__all__ = [
    "Async",
    "AsyncISpringLearn",
    "AsyncPager",
    "AsyncRaw",
    "AsyncSmarterProctoring",
    "CheckResult",
    "Compared",
    "ConnectionStats",
    "ISpringLearn",
    "Operation",
    "Page",
    "Pager",
    "RawResponse",
    "RawView",
    "Resource",
    "SmarterProctoring",
    "Sync",
    "SyncRaw",
    "Verdict",
    "__version__",
    "operation",
    "parse_ispring_time",
    "parse_sid",
    "parse_timestamp",
]
__all__ += errors.__all__
