"""The errors of exports."""

from __future__ import annotations

from invigilate.errors import InvalidArgumentError, InvigilateError


class ExportError(InvigilateError):
    """An export cannot be done as it is asked for, or its result cannot be trusted.

    The message says why. What was read stays in the checkpoint, unless the export was made without one.
    """


class ExportArgumentError(InvalidArgumentError, ExportError):
    """An argument of an export is wrong; nothing was sent and no file was touched."""


def missing_pyarrow() -> ExportError:
    """The error for a machine without pyarrow."""
    return ExportError('Parquet and tables need pyarrow; install it with: pip install "invigilate[export]"')
