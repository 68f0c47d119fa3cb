"""What the sandbox knows of SmarterProctoring: its state and its operations."""

from __future__ import annotations

from invigilate.sandbox.documents import Document
from invigilate.sandbox.options import Options

# Importing them registers their operations.
from . import assignments as assignments
from . import directory as directory
from . import operations as operations
from . import provisioning as provisioning
from .inventions import INVENTED, PERMITTED
from .state import OPERATIONS, ProctoringState

__all__ = ["INVENTED", "OPERATIONS", "PERMITTED", "ProctoringState", "create"]


def create(document: Document, options: Options) -> ProctoringState:
    """Create the initial state."""
    return ProctoringState(document, options)
