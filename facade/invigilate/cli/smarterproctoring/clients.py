"""The client of these commands, where it sends, and how a session is looked up."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from invigilate._clients import check_base_url, setting
from invigilate.cli.fields import option_name
from invigilate.cli.plans import Target
from invigilate.cli.registry import client_of
from invigilate.smarterproctoring.client import BASE_URLS
from invigilate.smarterproctoring.resources import ExamSessions

if TYPE_CHECKING:
    from invigilate import SmarterProctoring


def proctoring() -> SmarterProctoring:
    """Create a client; see `client_of`."""
    return cast("SmarterProctoring", client_of(ExamSessions.get.describe))


def base_url() -> str:
    """Return the URL that requests are sent to, without a trailing slash. It needs no token.

    Raises:
        ConfigurationError: if that of the environment is not allowed.
    """
    text = setting(None, "SMARTERPROCTORING_BASE_URL") or BASE_URLS["production"]
    return check_base_url(text, allow_insecure_http=False)[0]


def show_command(target: Target) -> str:
    """Return the command that shows a session."""
    options = " ".join(f"{option_name(name)} {shlex.quote(value)}" for name, value in target)
    return f"invigilate sessions show {options}"
