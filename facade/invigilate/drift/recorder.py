"""Keeps the shapes of responses: names, types and counts, and no value."""

from __future__ import annotations

import atexit
import json
import logging
import os
import random
import re
import sys
import time
from collections.abc import Callable, Mapping
from itertools import chain, islice
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self

from invigilate import _files
from invigilate._shapes import is_list, is_number, is_object
from invigilate.errors import ConfigurationError

from .documented import HINTS, TYPES, Branches, Documented, allowing, differing, documented, hint, is_open, names

logger = logging.getLogger("invigilate")

Shape = dict[str, Any]
"""Nested counts."""

NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
"""A name that may be kept although it is not documented; identifiers, URLs and e-mail are not."""
VERSION = 1
_MOST_NAMES = 20
_MOST_KEYS = 200
_DEEPEST = 20
_LARGEST = 8 * 2**20
_MEDIA = re.compile(
    r"application/(json|problem\+json|xml|pdf|octet-stream|zip)|text/(html|plain|xml|csv)|image/(png|jpeg)", re.ASCII
)
_RESPONSE = re.compile(r"[1-5]\d\d (empty|other|[a-z]{1,20}/[a-z0-9.+-]{1,80})", re.ASCII)
_SIZES = ("1-8", "9-32", "33 or more")
_KEYS = {
    "types": TYPES | {"not JSON"},
    "strings": HINTS.keys() | {"text"},
    **dict.fromkeys(("enum", "pattern", "format"), frozenset(_SIZES)),
}
"""What is counted within a shape."""


class Recorder:
    """Keeps the shapes of responses in a file, which is readable by its owner only.

    Args:
        path: the file. Counts are added to those of earlier runs.
        sample: the share of responses to look at, above 0 and up to 1.
        rows: how many items of each array to look at.
        interval: seconds between two writes; the file is also written by `close()` and when the process ends.

    Raises:
        ConfigurationError: if an argument is out of range, or the file has other content.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, sample: float = 1.0, rows: int = 20, interval: float = 60.0
    ) -> None:
        passed: Any = path
        if not isinstance(passed, str | os.PathLike):
            raise ConfigurationError(f"path: expected a path, got a value of type {type(passed).__name__}")
        if not is_number(sample) or not 0 < sample <= 1:
            raise ConfigurationError("sample: expected a number above 0 and up to 1")
        if rows.__class__ is not int or rows < 1:
            raise ConfigurationError("rows: expected an integer of at least 1")
        if not is_number(interval) or not interval >= 0:
            raise ConfigurationError("interval: expected seconds, 0 or more")
        self.path = Path(path).absolute()
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"path: expected a file in an existing folder, got {self.path}")
        self._sample, self._rows, self._interval = sample, rows, interval
        self._random, self._lock = random.Random(), Lock()
        self._new: Shape = {}
        self._warned = False
        self._saved = time.monotonic()
        self._registered = False
        self._writing = Lock()
        self._writer: Thread | None = None
        read(self.path)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _forked(self) -> None:
        # The parent writes what it has seen, and its threads are not here.
        self._lock, self._writing, self._writer, self._new, self._registered = Lock(), Lock(), None, {}, False

    def observe(
        self, api: str, method: str, path: str, status_code: int, content_type: str = "", body: bytes = b""
    ) -> None:
        """Look at a response, of whichever HTTP library. It never raises; the first problem is logged as a warning.

        Args:
            api: the key of the API, `smarterproctoring` or `ispring`.
            method: the HTTP method.
            path: the path below the base URL of the API. It is kept only as the documented template that it matches.
            status_code: the HTTP status, from 100 to 599.
            content_type: that header of the response.
            body: the body.
        """
        try:
            passed: Any = status_code
            if not isinstance(passed, int) or not 100 <= status_code <= 599:
                raise ConfigurationError("status_code: expected an integer from 100 to 599")
            if self._sample < 1 and self._random.random() >= self._sample:
                return
            known = documented(api)
            key = known.key(method, path)
            seen: Shape = {"unmatched": 1}
            if key is not None:
                seen = {"operations": {key: self._response(known, key, int(status_code), content_type, body)}}
            with self._lock:
                add_all(self._new, {api: seen})
                self._register()
                due = time.monotonic() - self._saved >= self._interval
                if due and not (self._writer and self._writer.is_alive()):
                    self._saved = time.monotonic()
                    self._writer = Thread(target=self._quietly, args=(self.save,), daemon=True)
                    self._writer.start()
        except Exception as error:
            self._warn(error)

    def _register(self) -> None:
        """Write when this process ends."""
        if self._registered:
            return
        self._registered = True
        atexit.register(self._quietly, self.close)
        if util := sys.modules.get("multiprocessing.util"):
            util.Finalize(None, self._quietly, (self.close,), exitpriority=0)  # its workers end without atexit

    def _quietly(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            # Messages of other errors may quote a value.
            reason = error if isinstance(error, ConfigurationError) else type(error).__name__
            logger.warning("shapes of responses are not recorded: %s", reason)

    def _response(self, known: Documented, key: str, status: int, content_type: str, body: bytes) -> Shape:
        media = content_type.partition(";")[0].strip().lower()
        found = known.response(key, str(status))
        content: Mapping[str, Any] = found[0].get("content", {}) if found else {}
        if not body:
            media = "empty"
        elif media not in content and not _MEDIA.fullmatch(media):
            media = "other"
        shape: Shape = {"count": 1}
        if media.endswith("json") and len(body) <= _LARGEST:
            try:
                value = json.loads(body, parse_int=lambda digits: int(digits[:600]))  # Python refuses very many
            except (ValueError, RecursionError):
                shape["types"] = {"not JSON": 1}
            else:
                self._add(shape, value, known, known.body(key, str(status), media), 0)
        return {f"{status} {media}": shape}

    def _add(self, shape: Shape, value: Any, known: Documented, branches: Branches, depth: int) -> None:
        type_ = type_of(value)
        _count(shape, "types", type_)
        allowed = allowing(branches, type_)
        if isinstance(value, str):
            _count(shape, "strings", hint(value))
        if is_object(value) and depth < _DEEPEST:
            expected = names(allowed)
            present = expected & value.keys()
            # A name that is not documented may be data, as in a map by users: it is kept if it looks like a name and
            # comes with documented ones. Of very many, the rest is not.
            closed = bool(present) and not is_open(allowed)
            fields = shape.setdefault("fields", {})
            for key in islice(chain(present, (key for key in value if key not in present)), _MOST_KEYS):
                item, name = value[key], _name(key, fields, expected)
                if name not in expected and not (closed and NAME.fullmatch(name)):
                    name = "*"
                inner = known.within(allowed, None if name == "*" else name)
                self._add(fields.setdefault(name, {}), item, known, inner, depth + 1)
        elif is_list(value) and depth < _DEEPEST:
            inner = known.branches([branch.get("items") for branch in allowed])
            rows = value if len(value) <= self._rows else self._random.sample(value, self._rows)
            for item in rows:
                self._add(shape.setdefault("items", {}), item, known, inner, depth + 1)
        elif keyword := differing(value, allowed):
            size = len(value) if isinstance(value, str) else 0
            _count(shape, keyword, _SIZES[(size > 8) + (size > 32)])

    def save(self) -> None:
        """Add what was seen since the last time to the file.

        Raises:
            OSError: if the file cannot be written.
            ConfigurationError: if it has other content.
        """
        with self._writing:  # `observe` does not wait for the disk
            with self._lock:
                self._saved = time.monotonic()
                new, self._new = self._new, {}
            written = not new
            try:
                written = written or self._write(new)
            finally:
                if not written:
                    with self._lock:
                        add_all(new, self._new)
                        self._new = new  # for the next time

    def _write(self, new: Shape) -> bool:
        guard = _files.Lock(self.path.with_name(self.path.name + ".lock"))
        if not guard.take():
            guard.close()
            return False  # another process writes it now
        try:
            known = read(self.path)
            add_all(known, new)
            content = {"invigilate_shapes": VERSION, "apis": known}
            _files.write_atomically(self.path, json.dumps(content, indent=1, sort_keys=True).encode() + b"\n")
        finally:
            guard.remove()
        return True

    def close(self) -> None:
        """Write the file, waiting up to a second for other processes that write it. See `save`."""
        if self._writer:
            self._writer.join()
        until = time.monotonic() + 1
        self.save()
        while self._new and time.monotonic() < until:
            time.sleep(0.02)
            self.save()
        if self._new:
            logger.warning("shapes of the last responses are not recorded: another process keeps the file locked")


def _count(shape: Shape, what: str, key: str) -> None:
    counts = shape.setdefault(what, {})
    counts[key] = counts.get(key, 0) + 1


def _name(name: str, fields: Shape, expected: set[str]) -> str:
    """Return the name of a field, or `*` if too many that are not documented are kept already."""
    known = name in expected or name in fields
    return name if known or len(fields.keys() - expected - {"*"}) < _MOST_NAMES else "*"


def add_all(apis: Shape, more: Mapping[str, Any]) -> None:
    """Add what was seen of APIs."""
    for api, seen in more.items():
        known, kept = documented(api), apis.setdefault(api, {})
        _add_counts(kept, {"unmatched": seen["unmatched"]} if "unmatched" in seen else {})
        for key, responses in seen.get("operations", {}).items():
            others = kept.setdefault("operations", {}).setdefault(key, {})
            for response, shape in responses.items():
                status, _, media = response.partition(" ")
                _add_shape(others.setdefault(response, {}), shape, known, known.body(key, status, media))


def _add_shape(shape: Shape, more: Mapping[str, Any], known: Documented, branches: Branches) -> None:
    for key, value in more.items():
        if key == "fields":
            fields, objects = shape.setdefault(key, {}), allowing(branches, "object")
            for each, field in value.items():
                name = _name(each, fields, names(objects))
                inner = known.within(objects, None if name == "*" else name)
                _add_shape(fields.setdefault(name, {}), field, known, inner)
        elif key == "items":
            inner = known.branches([branch.get("items") for branch in allowing(branches, "array")])
            _add_shape(shape.setdefault(key, {}), value, known, inner)
        elif key == "count":
            _add_counts(shape, {key: value})
        else:
            _add_counts(shape.setdefault(key, {}), value)


def _add_counts(counts: Shape, more: Mapping[str, int]) -> None:
    for key, count in more.items():
        counts[key] = counts.get(key, 0) + count


def type_of(value: Any) -> str:
    """Return the JSON type of a value. As in JSON Schema, 1.0 is an integer."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    kinds = {"dict": "object", "list": "array", "str": "string", "float": "number"}
    return kinds.get(type(value).__name__, "null")


def read(path: Path) -> Shape:
    """Read a file of shapes, by API; nothing if it does not exist.

    Raises:
        ConfigurationError: if it has other content.
        OSError: if it cannot be read.
    """
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        content = None
    apis: Any = content.get("apis") if is_object(content) and content.get("invigilate_shapes") == VERSION else None
    if not is_object(apis) or not all(map(_is_api, apis.values())):
        raise ConfigurationError(f"{path}: expected a file of shapes, got other content")
    return dict(apis)


# Somebody else may have sent the file, and what it has goes into a report.


def _is_api(value: Any) -> bool:
    if not is_object(value) or not value.keys() <= {"unmatched", "operations"}:
        return False
    operations = value.get("operations", {})
    return (
        _is_count(value.get("unmatched", 1))
        and is_object(operations)
        and all(is_object(responses) and all(map(_RESPONSE.fullmatch, responses)) for responses in operations.values())
        and all(_is_shape(shape, 0) for responses in operations.values() for shape in responses.values())
    )


def _is_shape(value: Any, depth: int) -> bool:
    return depth <= _DEEPEST and is_object(value) and all(_is_part(key, value[key], depth) for key in value)


def _is_part(key: str, value: Any, depth: int) -> bool:
    if key == "count":
        return _is_count(value)
    if key == "items":
        return _is_shape(value, depth + 1)
    if not is_object(value):
        return False
    if key == "fields":
        return all(_is_shape(field, depth + 1) for field in value.values())
    return value.keys() <= _KEYS.get(key, frozenset()) and all(map(_is_count, value.values()))


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0
