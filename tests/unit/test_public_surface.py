"""What the package offers, how big it is, and what it costs to import."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import invigilate
from invigilate import errors, specs
from invigilate._binding import bound_operations
from invigilate.smarterproctoring import sids

ROOT = Path(__file__).resolve().parents[2]
FACADE = ROOT / "facade" / "invigilate"
CORE = sorted(
    path for folder in ("", "_http", "smarterproctoring", "ispring") for path in (FACADE / folder).glob("*.py")
)
# _files is shared by export and cli; the core writes no files.
OPTIONAL = ("sandbox", "export", "dlt", "spark", "cli", "mcp", "drift", "_files")

# The names of the design, none more and none less but for what a downstream SDK binds its operations with.
CLIENTS = {"SmarterProctoring", "AsyncSmarterProctoring", "ISpringLearn", "AsyncISpringLearn"}
ERRORS = {
    "InvigilateError",
    "ConfigurationError",
    "InvalidArgumentError",
    "InvalidSidError",
    "InvalidTimestampError",
    "APIError",
    "APIConnectionError",
    "APITimeoutError",
    "APIStatusError",
    "BadRequestError",
    "AuthenticationError",
    "PermissionDeniedError",
    "NotFoundError",
    "ConflictError",
    "UnprocessableEntityError",
    "RateLimitError",
    "ReportWarning",
    "InternalServerError",
    "ResponseDecodeError",
    "IncompleteResultError",
    "OutcomeUnknownError",
    "Attempt",
}
OTHERS = {
    "UNSET",
    "AttemptEvent",
    "ConnectionStats",
    "Lazy",
    "Pagination",
    "Pager",
    "AsyncPager",
    "Page",
    "RawResponse",
    "parse_timestamp",
    "parse_ispring_time",
    "parse_sid",
    "Timeout",
    "__version__",
}
CHECKING = {"CheckResult", "Compared", "Verdict"}
BINDING = {"Async", "AsyncRaw", "Operation", "RawView", "Resource", "Sync", "SyncRaw", "operation"}


def test_all_is_what_is_documented() -> None:
    assert set(invigilate.__all__) == CLIENTS | ERRORS | OTHERS | CHECKING | BINDING
    assert len(invigilate.__all__) == len(set(invigilate.__all__))
    assert set(errors.__all__) == ERRORS
    for name in invigilate.__all__:
        assert getattr(invigilate, name) is not None
    design = set(
        re.findall(r"`((?:[A-Z]\w+Error)|Pager|AsyncPager)`", (ROOT / "facade/invigilate/errors.py").read_text())
    )
    assert design <= set(invigilate.__all__)


def test_everything_public_is_documented() -> None:
    undocumented: list[str] = []
    for module in (invigilate, errors, sids, specs):
        assert module.__doc__
        names: list[str] = getattr(module, "__all__", ["read", "NAMES"])
        for name in names:
            thing: Any = getattr(module, name)
            if not callable(thing):
                continue
            if not inspect.getdoc(thing) or (inspect.isclass(thing) and not thing.__doc__):
                undocumented.append(f"{module.__name__}.{name}")
            for member, value in vars(thing).items() if inspect.isclass(thing) else ():
                if not member.startswith("_") and callable(value) and not inspect.getdoc(value):
                    undocumented.append(f"{module.__name__}.{name}.{member}")
    for kind in CLIENTS:
        for member in dir(getattr(invigilate, kind)):
            if not member.startswith("_") and not inspect.getdoc(getattr(getattr(invigilate, kind), member)):
                undocumented.append(f"{kind}.{member}")
    assert undocumented == []


@pytest.mark.parametrize(
    ("package", "spec", "clients"),
    [
        (
            "smarterproctoring_client",
            "smarterproctoring",
            [invigilate.SmarterProctoring, invigilate.AsyncSmarterProctoring],
        ),
        ("ispring_learn_client", "ispring-learn", [invigilate.ISpringLearn, invigilate.AsyncISpringLearn]),
    ],
)
def test_every_operation_of_the_specification_can_be_reached(package: str, spec: Any, clients: list[type[Any]]) -> None:
    paths = yaml.safe_load(specs.read(spec))["paths"]
    methods = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
    documented = {
        operation["operationId"]: operation["tags"][0]
        for item in paths.values()
        for method, operation in item.items()
        if method in methods
    }
    assert documented
    for client in clients:
        bound = bound_operations(client)
        assert {name for owner, name in bound if owner == package} == set(documented)
        for (_, name), operation in bound.items():
            assert operation.describe.__module__.split(".")[-2] == documented[name]
            assert operation.__doc__


def test_the_specifications_are_shipped() -> None:
    for name in specs.NAMES:
        assert specs.read(name) == (ROOT / "openapi" / f"{name}.yaml").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="smarterproctoring"):
        specs.read("ispring")


def imported(path: Path) -> set[str]:
    """The names of all modules that a file imports, wherever in it; relative ones with a dot before."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found.update({base, *(f"{base.rstrip('.')}.{alias.name}" for alias in node.names)})
    return found


def test_httpx_is_named_in_one_module() -> None:
    def users(names: str) -> set[str]:
        pattern = re.compile(rf"^({names})(\.|$)")
        return {path.name for path in CORE if any(pattern.match(name) for name in imported(path))}

    assert users("httpx|httpx2") == set()  # transport.py imports the one that is chosen, by its name
    assert users("anyio") == {"system.py"}
    assert users("h11") == {"connection.py"}
    assert users("httpcore|requests|aiohttp|urllib3") == set()


def test_the_core_does_not_know_the_optional_parts() -> None:
    for path in CORE:
        # Type checkers know what an export returns.
        names = {name for name in imported(path) if not name.startswith(".export.results")}
        for name in names:
            assert not re.match(rf"^(\.|invigilate\.)({'|'.join(OPTIONAL)})\b", name), (path.name, name)
            assert name.split(".")[0] not in {"yaml", "openapi_core", "rich", "typer", "pytest"}, (path.name, name)


def test_the_generated_packages_do_not_know_the_facade() -> None:
    for path in (ROOT / "generated").rglob("*.py"):
        assert not any(name.split(".")[0] == "invigilate" for name in imported(path)), path


def test_importing_it_imports_little() -> None:
    program = (
        "import sys; import invigilate; "
        "print(*sorted(sys.modules), sep='\\n'); "
        "print('client:'); invigilate.SmarterProctoring('t'); print('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    before, after = done.stdout.split("client:\n")
    heavy = {
        "httpx",
        "httpcore",
        "anyio",
        "attrs",
        "attr",
        "dateutil",
        "yaml",
        "asyncio",
        "ssl",
        "openapi_core",
        "pytest",
    }
    assert heavy.isdisjoint(before.split())
    assert not [name for name in before.split() if ".models" in name or name.startswith("invigilate.sandbox")]
    assert after.strip() == "True"


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", invigilate.__version__)
    assert importlib.import_module("invigilate._http.transport").USER_AGENT.startswith(
        f"invigilate/{invigilate.__version__} "
    )


def test_type_information_is_shipped() -> None:
    for package in ("facade/invigilate", "generated/smarterproctoring_client", "generated/ispring_learn_client"):
        assert (ROOT / package / "py.typed").is_file()
