"""Names that a draft needs and no page has, and what names suggest."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# Titles that begin with one of these already name the operation.
_VERB = re.compile(
    r"add|approve|archive|assign|batch|cancel|check|close|copy|create|delete|disable|download|enable|export|find|get|"
    r"import|invite|list|move|open|plan|provision|put|read|register|remove|replace|reschedule|reserve|reset|restore|"
    r"retrieve|return|schedule|search|send|set|start|stop|submit|sync|unassign|update|upload|validate|verify"
)
_SENSITIVE = re.compile(
    r"\b(?:authentication|birth(?:day|date)?|card|credentials?|dob|emails?|fax|iban|identity|jwt|latitude|logins?|"
    r"longitude|mail|mobile|passcode|passphrase|password|passport|phone|pin|postal|postcode|redirect|secret|signature|"
    r"ssn|street|token|username|voucher|zip|(?:access|api|private) key|onboarding url|user name|"
    r"(?:first|middle|last|full|family) name|(?:home|mailing|ip|street) address)\b|\baddress(?: \d+)?$"
)
# With these at its end, the value is about the secret and not the secret itself.
_ABOUT = re.compile(r" (?:count|date|expires|in|limit|required|type)$")


def words(name: str) -> list[str]:
    """The words of a name or title in lower case: `externalLMSId` returns external, lms, id."""
    return [word.lower() for word in _WORD.findall(name)]


def pascal(name: str) -> str:
    """A name for a schema: `offeringSid` becomes `OfferingSid`."""
    return "".join(word.capitalize() for word in words(name))


def operation_id(title: str, method: str) -> str:
    """An operationId from the heading of a page: `Getting Session Details` becomes `getSessionDetails`."""
    found = [word for word in words(title) if word not in {"a", "an", "the"}]
    if not found:
        return method.lower()
    stem = found[0].removesuffix("ing")
    for verb in (stem, stem[:-1] if stem[-1:] == stem[-2:-1] else stem, f"{stem}e"):
        if _VERB.fullmatch(verb):
            found[0] = verb
            break
    if method == "GET" and not _VERB.fullmatch(found[0]):
        found.insert(0, "get")
    return found[0] + "".join(word.capitalize() for word in found[1:])


def summary(title: str) -> str:
    """Return the heading of a page in sentence case: `Update Course Offering` becomes `Update course offering`."""
    kept = [word if word.isupper() and len(word) > 1 else word.lower() for word in title.split()]
    text = " ".join(kept)
    return text[:1].upper() + text[1:]


def is_sensitive(name: str) -> bool:
    """Return whether a field of this name probably contains a secret or personal data.

    This is a guess to be confirmed: no page says it.
    """
    found = " ".join(words(name))
    return _SENSITIVE.search(found) is not None and _ABOUT.search(found) is None
