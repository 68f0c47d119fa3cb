"""Runs the generator for one specification, and checks that nothing was lost."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml
from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties.model_property import ModelProperty
from openapi_python_client.strings import PythonIdentifier

from . import extensions
from .facts import Document, OperationFacts
from .operations import model_view, operation_view, reachable, response_models
from .schemas import Node, SpecError, sid_schemas
from .stripped import strip
from .views import docstring, is_free, literal

MARK = "Do not edit: change the specification, the generator's configuration or its templates, and regenerate."


_IMPORTED = frozenset(
    {"Any", "AuthenticatedClient", "Call", "ClassVar", "Client", "Date", "Decimal", "Field", "Literal", "Mapping"}
    | {
        "OPERATION",
        "Operation",
        "PagedCall",
        "Pagination",
        "Response",
        "Sequence",
        "T",
        "TYPE_CHECKING",
        "TypeVar",
        "UNSET",
        "UUID",
    }
    | {"Unset"}
)


@dataclass(frozen=True)
class Target:
    """A client package to generate.

    Attributes:
        spec: the specification.
        package: the name of the package.
        templates: the folder of template overrides.
        source: the name of the specification in generated files.
    """

    spec: Path
    package: str
    templates: Path
    source: str


class GenerationError(Exception):
    """The generator failed, warned, or dropped something."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML without loss; the C parser, where available, takes a tenth of the time."""

    # Dates stay strings, as the document has them.
    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Node:
    result: Node = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise SpecError(f"{node.start_mark.name}:{key_node.start_mark.line + 1}: the key {key!r} needs quotes")
        if key in result:
            # One of the two would be lost.
            raise SpecError(f"{node.start_mark.name}:{key_node.start_mark.line + 1}: duplicate key {key!r}")
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _load(path: Path) -> Node:
    with path.open(encoding="utf-8") as stream:
        document = yaml.load(stream, _Loader)
    if not isinstance(document, dict):
        raise SpecError(f"{path.name} is not an OpenAPI document")
    return document


def generate(target: Target, output: Path, settings: dict[str, Any]) -> list[OperationFacts]:
    """Generate a package into `output`, which must not exist, and return its operations.

    Raises:
        SpecError: if the specification is not supported.
        GenerationError: if the generator or the formatter failed or warned, or an operation was lost.
    """
    _check_versions(settings)
    document = Document(_load(target.spec))
    operations = document.operations()
    if found := extensions.problems(document.root, settings["client-defaults"]):
        raise SpecError("; ".join(found))
    stripped, marked = strip(document.root)
    data = GeneratorData.from_dict(stripped, config=_config(target, output, settings))
    if isinstance(data, GeneratorError):
        raise GenerationError(f"{data.header}: {data.detail}")
    endpoints = [
        endpoint for collection in data.endpoint_collections_by_tag.values() for endpoint in collection.endpoints
    ]
    _check_complete(target, operations, endpoints, data)
    project = Project(
        openapi=data,
        config=_config(target, output, settings),
        custom_template_path=target.templates,
    )
    _equip(project, document, marked, operations, endpoints)
    with contextlib.redirect_stdout(io.StringIO()):  # it announces the folder, which is a temporary one
        problems = [f"{error.header}: {error.detail}" for error in project.build()]
    if problems:
        raise GenerationError(f"{target.source}: " + "; ".join(problems))
    for module in ("types.py", "errors.py"):  # the generator's own; `invigilate_runtime` stands in for both
        (output / module).unlink()
    (output / "sids.py").write_text(_sids_module(document), encoding="utf-8")
    (output / "py.typed").write_text("", encoding="utf-8")
    shutil.copyfile(target.spec, output / "openapi.yaml")
    (output / "provenance.json").write_text(_provenance(target, settings), encoding="utf-8")
    _format(output, target)
    return operations


def _equip(
    project: Project,
    document: Document,
    marked: dict[str, Node],
    operations: list[OperationFacts],
    endpoints: list[Endpoint],
) -> None:
    """Pass to the templates what the generator itself does not."""
    data = project.openapi
    # Enums are literals where they are used, and objects without documented fields are dicts.
    data.enums.clear()
    data.models[:] = sorted(
        (model for model in data.models if not is_free(model)),
        key=lambda model: str(model.class_info.name),
    )
    _check_model_names(data.models)
    in_responses = reachable(response_models(endpoints), data.models)
    by_name = {module_name(operation): operation for operation in operations}
    views = {str(endpoint.name): operation_view(by_name[str(endpoint.name)], endpoint) for endpoint in endpoints}
    project.env.filters.update(literal=literal, docstring=docstring)
    project.env.globals.update(
        describe=lambda endpoint: views[str(endpoint.name)],
        model_view=lambda model: model_view(model, document, marked, str(model.class_info.name) in in_responses),
        model_modules=lambda: [(str(m.class_info.name), str(m.class_info.module_name)) for m in data.models],
        security=_security(document.root),
        title=" ".join(str(document.root["info"]["title"]).split()),
    )


def _check_model_names(models: list[ModelProperty]) -> None:
    """Refuse models that hide a name that generated modules import, or share a file with another model."""
    modules: dict[str, str] = {}
    for model in models:
        name, module = str(model.class_info.name), str(model.class_info.module_name)
        if name in _IMPORTED:
            raise SpecError(f"{name}: generated code uses this name; rename the schema")
        if modules.setdefault(module, name) != name:
            raise SpecError(f"{name} and {modules[module]}: both models would be in models/{module}.py")


def _config(target: Target, output: Path, settings: dict[str, Any]) -> Config:
    return Config.from_sources(
        ConfigFile(
            package_name_override=target.package,
            literal_enums=True,
            post_hooks=[],
            **settings.get("options", {}),
        ),
        meta_type=MetaType.NONE,
        document_source=target.spec,
        file_encoding="utf-8",
        overwrite=False,
        output_path=output,
    )


def _check_versions(settings: dict[str, Any]) -> None:
    for package, wanted in settings["pins"].items():
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise GenerationError(f"{package} {wanted} is pinned in generator.yaml, and none is installed") from None
        if found != str(wanted):
            raise GenerationError(f"{package} {wanted} is pinned in generator.yaml, and {found} is installed")


def _check_complete(
    target: Target, operations: list[OperationFacts], endpoints: list[Endpoint], data: GeneratorData
) -> None:
    problems = [f"{error.header}: {error.detail}" for error in data.errors]
    for collection in data.endpoint_collections_by_tag.values():
        problems += [f"{error.header}: {error.detail}" for error in collection.parse_errors]
    generated = [str(endpoint.name) for endpoint in endpoints]
    names = [module_name(operation) for operation in operations]
    problems += [f"not generated: {name}" for name in names if name not in generated]
    problems += [f"two operations are named {name}" for name in sorted(set(names)) if names.count(name) > 1]
    problems += [f"not specified: {name}" for name in generated if name not in names]
    if problems:
        raise GenerationError(f"{target.source}: " + "; ".join(problems))


def module_name(operation: OperationFacts) -> str:
    """Return the module of an operation, derived from the operationId as the generator does."""
    return str(PythonIdentifier(operation.id, "field_"))


def _security(root: Node) -> dict[str, str]:
    """Return the header that carries the token, and the prefix of the token."""
    schemes = root.get("components", {}).get("securitySchemes", {})
    needed = [name for requirement in root.get("security", []) for name in requirement]
    if not needed:
        return {"header": "Authorization", "prefix": "Bearer"}
    if len(needed) > 1:
        raise SpecError("one security scheme is supported")
    scheme = schemes[needed[0]]
    if scheme["type"] == "apiKey" and scheme["in"] == "header":
        return {"header": scheme["name"], "prefix": ""}
    if scheme["type"] == "http" and scheme["scheme"] == "bearer":
        return {"header": "Authorization", "prefix": "Bearer"}
    raise SpecError(f"the security scheme {needed[0]} is not supported")


def _provenance(target: Target, settings: dict[str, Any]) -> str:
    """Return what a package is generated from, as JSON that is shipped in it; see `invigilate.provenance`."""
    # The output of `sha256sum *` in the folder of templates.
    templates = sorted(path for path in target.templates.iterdir() if path.is_file())
    listing = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in templates)
    pins = {name: {"name": name, "version": importlib.metadata.version(name)} for name in settings["pins"]}
    provenance = {
        "specification": {"file": target.source, "sha256": hashlib.sha256(target.spec.read_bytes()).hexdigest()},
        "generator": {**pins["openapi-python-client"], "options": settings.get("options", {})},
        "templates": {"sha256": hashlib.sha256(listing.encode()).hexdigest()},
        "formatter": pins["ruff"],
    }
    return json.dumps(provenance, indent=2) + "\n"


def _sids_module(document: Document) -> str:
    patterns = sid_schemas(document.root)
    lines = [
        '"""The documented patterns of resource identifiers."""',
        "",
        "PATTERNS: dict[str, str] = {",
    ]
    lines += [f"    {name!r}: {pattern!r}," for name, pattern in patterns.items()]
    return "\n".join([*lines, "}", ""])


def _format(output: Path, target: Target) -> None:
    header = (
        f"# Generated by scripts/regenerate from {target.source} with openapi-python-client "
        f"{importlib.metadata.version('openapi-python-client')}.\n# {MARK}\n\n"
    )
    for path in sorted(output.rglob("*.py")):
        path.write_text(header + path.read_text(encoding="utf-8").lstrip(), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    shared = ["--isolated", "--no-cache", "--quiet", "--target-version=py311", "--line-length=120"]
    for command in (
        [*ruff, "check", *shared, "--output-format=concise", "--fix", "--select=F401,I", "--ignore=I002", str(output)],
        [*ruff, "format", *shared, str(output)],
    ):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            output_lines = (
                f"{result.stdout}{result.stderr}".replace(f"{output.parent}{os.sep}", "").strip().splitlines()
            )
            raise GenerationError(
                "\n  ".join([f"{' '.join(command[2:4])} failed on the generated code:", *output_lines[:10]])
            )


__all__ = ["GenerationError", "Target", "generate", "module_name"]
