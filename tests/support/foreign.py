"""A client that openapi-generator makes from a spec, generated when a test asks for it and imported from its folder."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from tests.support.documented import SPECS, Documented

# Enough for a run of a few seconds; the compiler that makes long runs fast costs more than it saves.
_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def find_java() -> str:
    """Java; without it the test fails with `CI=true`, and is skipped elsewhere."""
    home = os.environ.get("JAVA_HOME")
    if found := shutil.which("java", path=f"{home}/bin" if home else None):
        return found
    missing = "no java found; ./scripts/bootstrap --programs installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


class Foreign:
    """The generated package of a spec.

    Attributes:
        package: the imported package; its clients, models and errors are attributes.
        warnings: what the generator warned of, without what precedes the message.
        defaults: what models send although nobody set it, by model and field.
    """

    def __init__(self, package: Any, warnings: list[str]) -> None:
        self.package = package
        self.warnings = warnings
        self.defaults = {name: found for name, each in vars(package).items() if (found := _defaults(each))}
        kinds = [each for name, each in vars(package).items() if name.endswith("Api")]
        self._methods = {name: kind for kind in kinds for name in vars(kind) if not name.startswith("_")}

    def method(self, client: Any, operation: Documented) -> Callable[..., Any]:
        """The method for an operation; it returns the decoded response in `data`, and its bytes in `raw_data`."""
        name = _snake_case(operation.id)
        method: Callable[..., Any] = getattr(self._methods[name](client), f"{name}_with_http_info")
        return method

    def defaults_of(self, operation: Documented) -> dict[str, Any]:
        """What the body of an operation contains although nobody set it."""
        _, model = _body(self.method(None, operation))
        return self.defaults.get(model.__name__, {})

    def call(self, client: Any, operation: Documented) -> Any:
        """Call an operation with its example."""
        method = self.method(client, operation)
        arguments = {_snake_case(each.name.removesuffix("[]")): each.value for each in operation.parameters}
        if operation.media == "application/json":
            name, model = _body(method)
            arguments[name] = model.from_dict(operation.body)
        elif operation.media:
            arguments |= operation.body
        return method(**arguments)


@contextmanager
def generated(spec: str, folder: Path) -> Iterator[Foreign]:
    """Generate the client of a spec into a folder and import it; afterwards it is no longer importable."""
    name = f"{spec.replace('-', '_')}_foreign"
    jar = distribution("openapi-generator-cli").locate_file("openapi_generator_cli/openapi-generator.jar")
    command = [find_java(), *_JAVA, "-jar", str(jar), "generate", "--generator-name", "python"]
    command += ["--input-spec", str(SPECS[spec]), "--output", str(folder), "--package-name", name]
    # Neither its own tests nor its pages.
    command += ["--global-property", "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    warnings = re.findall(r"^\[.*?\] WARN +\S+ - (.*)$", done.stdout + done.stderr, re.MULTILINE)
    sys.path.insert(0, str(folder))
    try:
        yield Foreign(importlib.import_module(name), warnings)
    finally:
        sys.path.remove(str(folder))
        for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[loaded]


def plain(value: Any) -> Any:
    """A decoded response as JSON, except for times and IDs."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


def same(read: Any, sent: Any) -> bool:
    """Whether what a client read is the JSON that a server sent: times, IDs and enums have types of their own."""
    if isinstance(sent, dict):
        return isinstance(read, dict) and read.keys() == sent.keys() and all(same(read[key], sent[key]) for key in sent)
    if isinstance(sent, list):
        return isinstance(read, list) and len(read) == len(sent) and all(map(same, read, sent))
    if isinstance(read, date):
        return read == type(read).fromisoformat(sent)
    return bool(read == sent) or (isinstance(sent, str) and str(read) == sent)


def _snake_case(name: str) -> str:
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).replace("-", "_").lower()


def _body(method: Any) -> tuple[str, Any]:
    """The argument of a method that is a model, and the model."""
    return next((name, model) for name, hint in get_type_hints(method).items() if (model := _model(hint)))


def _model(hint: Any) -> Any:
    if hasattr(hint, "from_dict"):
        return hint
    return next((found for each in get_args(hint) if (found := _model(each))), None)


def _defaults(model: Any) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(model, "model_fields", {})
    return {
        each.alias or name: each.default
        for name, each in fields.items()
        if not each.is_required() and isinstance(each.default, str | int | float | bool)
    }
