"""docs/compatibility.md says what the code is: public names, errors, fixtures, Python versions, requirements."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import invigilate_pytest
import pytest
import yaml
from packaging.requirements import Requirement
from regenerator.__main__ import main as regenerate
from reporter import surface

from invigilate import errors
from invigilate._apis import APIS

ROOT = Path(__file__).resolve().parents[2]
FACADE = ROOT / "facade" / "invigilate"
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GENERATED = [api.package for api in APIS]
NAME = re.compile(r"`(\w+)`")


def section(heading: str) -> str:
    """The text below a heading, up to the next one of any kind."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#)", PAGE + "#", re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


MODULES: list[str] = re.findall(r"^### `([\w.]+)`$", PAGE, re.MULTILINE)
LISTS: dict[str, str] = dict(
    re.findall(r"^- `(\w+)`: (.*(?:\n  .*)*)", section("The generated packages"), re.MULTILINE)
)


@pytest.fixture(scope="module")
def public() -> surface.Surface:
    """The public surface that the report of changes compares, so that a release keeps what this page promises."""
    return surface.read(ROOT)


def offered(public: surface.Surface, module: str) -> set[str]:
    """The names in a module that the report compares."""
    found = {name.removeprefix(f"{module}.") for name in public if name.startswith(f"{module}.")}
    return {name for name in found if "." not in name and public[f"{module}.{name}"]["kind"] != "module"}


@pytest.mark.parametrize("module", [name for name in MODULES if name not in {"invigilate", "invigilate_pytest"}])
def test_the_names_of_a_module_are_those_of_the_page(public: surface.Surface, module: str) -> None:
    # Words of the text beside the names; `faults` is a module, which says itself what it offers.
    beside = {"APPLIED", "__all__", "invigilate", "faults"}
    assert set(NAME.findall(section(f"`{module}`"))) - beside == offered(public, module)


def test_the_names_of_the_package_are_those_of_the_page(public: surface.Surface) -> None:
    documented = set(NAME.findall(section("`invigilate`"))) | set(errors.__all__)
    assert documented == set(importlib.import_module("invigilate").__all__)
    # A report does not compare the version: the version follows from the report.
    assert documented - {"__version__"} == offered(public, "invigilate")


def test_the_public_modules_are_those_of_the_page(public: surface.Surface) -> None:
    known = {name for name, thing in public.items() if thing["kind"] == "module" and name.startswith("invigilate")}
    # The page names this one in the section on the sandbox.
    assert set(MODULES) | {"invigilate.sandbox.faults"} == known
    # Everything else at the top has an underscore, so that nobody has to look it up.
    found = {path.stem for path in FACADE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for name in found if not name.startswith("_")} == {
        name.split(".")[1] for name in MODULES if name.startswith("invigilate.")
    }


@pytest.mark.parametrize("package", GENERATED)
def test_the_names_of_generated_packages_are_those_of_the_page(public: surface.Surface, package: str) -> None:
    modules = {path.stem for path in (ROOT / "generated" / package).iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {name for name in modules if not name.startswith("_")} == {*LISTS, "client"}
    assert offered(public, package) == offered(public, f"{package}.client") == {"AuthenticatedClient", "Client"}
    assert set(NAME.findall(LISTS["sids"])) == offered(public, f"{package}.sids")
    functions = set(NAME.findall(LISTS["api"]))
    operations = [name for name in public if re.fullmatch(rf"{package}\.api\.\w+\.\w+", name)]
    assert operations
    assert all(offered(public, name) == functions for name in operations)


def test_errors_have_the_attributes_that_their_docstrings_list() -> None:
    sources = ast.parse((FACADE / "errors.py").read_text(encoding="utf-8"))
    assigned: dict[str, set[str]] = {}
    for node in sources.body:
        if isinstance(node, ast.ClassDef):
            own = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute) and _is_self(inner.value)}
            own |= {
                inner.target.id
                for inner in node.body
                if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name)
            }
            assigned[node.name] = own
    checked = 0
    for name in errors.__all__:
        kind = getattr(errors, name)
        _, _, listed = (inspect.cleandoc(kind.__doc__)).partition("Attributes:\n")
        had = {attribute for base in kind.__mro__ for attribute in assigned.get(base.__name__, set())}
        for attribute in re.findall(r"^    (\w+):", listed, re.MULTILINE):
            assert attribute in had, f"{name}.{attribute}"
            checked += 1
    assert checked > 20


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def test_the_fixtures_and_the_option_of_the_plugin() -> None:
    source = inspect.getsource(invigilate_pytest)
    text = section("`invigilate_pytest`")
    assert set(NAME.findall(text)) == set(re.findall(r"^@pytest\.fixture\n(?:async )?def (\w+)", source, re.MULTILINE))
    assert re.findall(r"`(--[\w-]+)`", text) == re.findall(r'"(--[\w-]+)"', source)


def test_the_python_versions() -> None:
    (listed,) = re.findall(r"^\| Python \| (.*) \|$", PAGE, re.MULTILINE)
    prefix = "Programming Language :: Python :: 3."
    classified = [text.removeprefix(prefix) for text in PROJECT["classifiers"] if text.startswith(prefix)]
    assert listed.split(", ") == [f"3.{minor}" for minor in classified]
    assert PROJECT["requires-python"] == f">=3.{classified[0]}"


def test_the_requirements() -> None:
    table = section("Python and dependencies")
    base = {f"{name}{specifier}" for name, specifier in re.findall(r"^\| ([\w-]+) \| `(.*)` \|$", table, re.MULTILINE)}
    assert base == set(PROJECT["dependencies"])
    extras = {
        extra: {
            f"{PROJECT['name']}[{specifier}]" if name == "extra" else f"{name}{specifier}"
            for name, specifier in re.findall(r"([\w-]+) `([^`]+)`", listed)
        }
        for extra, listed in re.findall(r"^\| extra `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    }
    assert extras == {extra: set(listed) for extra, listed in PROJECT["optional-dependencies"].items()}
    for text in PROJECT["dependencies"]:
        # Each has a lowest version, so that continuous integration can install it.
        assert any(clause.operator == ">=" for clause in Requirement(text).specifier), text


def test_what_a_vendor_deprecates_stays_without_a_warning(tmp_path: Path) -> None:
    """`deprecated: true`, on operations, parameters and properties, changes only the spec in the package."""
    source = ROOT / "examples" / "downstream-sdk" / "openapi" / "northfield.yaml"
    spec: Any = yaml.safe_load(source.read_text(encoding="utf-8"))
    generated: list[dict[str, str]] = []
    for deprecated in (False, True):
        if deprecated:
            listing = spec["paths"]["/northfield/v1/rooms"]["get"]
            listing["deprecated"] = True
            listing["parameters"][0]["deprecated"] = True
            spec["components"]["schemas"]["Room"]["properties"]["seats"]["deprecated"] = True
        folder = tmp_path / str(deprecated)
        folder.mkdir()
        (folder / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        command = ["--spec", str(folder / "spec.yaml"), "--package", "rooms_client", "--output", str(folder)]
        assert regenerate(command) == 0
        files = (folder / "rooms_client").rglob("*.py")
        generated.append({path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files})
    assert generated[0] == generated[1]
    assert "rooms_client/api/rooms/list_rooms.py" in generated[0]
