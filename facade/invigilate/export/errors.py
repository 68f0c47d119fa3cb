"""The errors of exports."""

from __future__ import annotations

from invigilate.errors import InvalidArgumentError, InvigilateError


class ExportError(InvigilateError):
    """An export cannot run as requested, or its result cannot be trusted.

    The message says why. The rows read so far stay in the checkpoint, unless the export runs without one.
    """


class ExportArgumentError(InvalidArgumentError, ExportError):
    """An argument of an export is wrong; nothing was sent and no file was changed."""
