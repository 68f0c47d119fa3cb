"""Exam sessions and exam rooms of Northfield, an institution that does not exist.

It shows how a package of one's own is built on invigilate.
"""

from ._clients import AsyncNorthfield, Northfield
from ._rooms import Rooms

__all__ = ["AsyncNorthfield", "Northfield", "Rooms"]
__version__ = "1.0.0"
