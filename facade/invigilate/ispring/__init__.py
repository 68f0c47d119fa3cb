"""iSpring Learn: clients, resources, times and webhooks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .client import AsyncISpringLearn, ISpringLearn
from .times import parse_ispring_time

if TYPE_CHECKING:
    from . import webhooks

__all__ = ["AsyncISpringLearn", "ISpringLearn", "parse_ispring_time", "webhooks"]


def __getattr__(name: str) -> Any:
    # Late, since few programs receive events.
    if name == "webhooks":
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
