"""What the sandbox knows of iSpring Learn: its state and its operations."""

from __future__ import annotations

from invigilate.sandbox.documents import Document
from invigilate.sandbox.options import Options

# Importing them registers their operations.
from . import job_training, learning, organization, people, results, webhooks
from .inventions import INVENTED, PERMITTED
from .state import OPERATIONS, LearnState

__all__ = [
    "INVENTED",
    "OPERATIONS",
    "PERMITTED",
    "LearnState",
    "create",
    "job_training",
    "learning",
    "organization",
    "people",
    "results",
    "webhooks",
]


def create(document: Document, options: Options) -> LearnState:
    """Create the initial state."""
    return LearnState(document, options)
