"""Harbor: clients and resources."""

from .client import AsyncHarbor, Harbor

__all__ = ["AsyncHarbor", "Harbor"]
