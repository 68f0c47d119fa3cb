"""What the sandbox knows of iSpring Learn: its state and its operations."""

from __future__ import annotations

from invigilate.sandbox.documents import Document
from invigilate.sandbox.options import Options

from .inventions import INVENTED, PERMITTED
from .operations import OPERATIONS, TrainingState

__all__ = ["INVENTED", "OPERATIONS", "PERMITTED", "TrainingState", "create"]


def create(document: Document, options: Options) -> TrainingState:
    """Create the initial state."""
    return TrainingState(document, options)
