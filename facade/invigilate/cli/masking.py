"""What is sensitive, masked wherever people read it: by the names of members, at any depth."""

from __future__ import annotations

from typing import Any

from invigilate._masking import MASK
from invigilate._shapes import is_list, is_object

_LIST = """
    URL accessKey access_token address address1 address2 authentication cardToken client_secret email firstName
    homePhone identity interoadsProvisionedExamUrl lastName latitude locationLatitude locationLongitude longitude
    mobilePhone password phone postalCode preferredEmail redirect smarterId token url username voucherCode
"""
SENSITIVE = frozenset(_LIST.split())
"""The documented names of all members that a specification marks as sensitive; a test holds them equal."""
_NAMES = frozenset(map(str.casefold, SENSITIVE))


def masked_member(name: str, value: Any) -> Any:
    """Give the value of a member as people may see it: `***` if it is sensitive, else with what is in it masked.

    Many objects are undocumented, and what they hold of people is told by nothing but the names of its members.
    """
    if value is None:
        return None
    return MASK if name.casefold() in _NAMES else masked_value(value)


def masked_value(value: Any) -> Any:
    """Give a value of JSON as people may see it, with the sensitive members of its objects masked."""
    if is_object(value):
        return {name: masked_member(name, item) for name, item in value.items()}
    if is_list(value):
        return [masked_value(item) for item in value]
    return value
