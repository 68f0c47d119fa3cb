"""Exam sessions and exam rooms of Northfield, an institution that does not exist.

It shows how to build a package of your own on invigilate.
"""

from ._clients import AsyncNorthfield, Northfield
from ._rooms import Rooms

__all__ = ["AsyncNorthfield", "Northfield", "Rooms"]
__version__ = "1.0.0"
