"""iSpring Learn: clients, resources and times."""

from .client import AsyncISpringLearn, ISpringLearn
from .times import parse_ispring_time

__all__ = ["AsyncISpringLearn", "ISpringLearn", "parse_ispring_time"]
