"""SmarterProctoring: clients, resources, SIDs and verdicts."""

from . import sids
from .client import AsyncSmarterProctoring, SmarterProctoring
from .sids import parse_sid
from .verdicts import CheckResult, Compared, Verdict

__all__ = ["AsyncSmarterProctoring", "CheckResult", "Compared", "SmarterProctoring", "Verdict", "parse_sid", "sids"]
