"""The clients of the library, with credentials of the environment and of nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invigilate._base import setting

from .exits import ExitCode, Failure

if TYPE_CHECKING:
    from invigilate import ISpringLearn, SmarterProctoring


def proctoring() -> SmarterProctoring:
    """Make a client of SmarterProctoring.

    Raises:
        Failure: if the environment has no token.
        ConfigurationError: if another setting is wrong.
    """
    if setting(None, "SMARTERPROCTORING_TOKEN") is None:
        raise Failure(ExitCode.SETTINGS, "set SMARTERPROCTORING_TOKEN: credentials come from the environment only")
    from invigilate import SmarterProctoring

    return SmarterProctoring()


def learn() -> ISpringLearn:
    """Make a client of iSpring Learn.

    Raises:
        Failure: if the environment has no credentials.
        ConfigurationError: if another setting is wrong.
    """
    pair = [setting(None, name) for name in ("ISPRING_CLIENT_ID", "ISPRING_CLIENT_SECRET")]
    if setting(None, "ISPRING_ACCESS_TOKEN") is None and None in pair:
        raise Failure(
            ExitCode.SETTINGS,
            "set ISPRING_CLIENT_ID and ISPRING_CLIENT_SECRET, or ISPRING_ACCESS_TOKEN: credentials come from the "
            "environment only",
        )
    from invigilate import ISpringLearn

    return ISpringLearn()
