"""Runs the generator for one specification and checks that nothing was lost on the way."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.strings import PythonIdentifier

from .facts import Document, Node, OperationFacts, SpecError, generator_view, sid_schemas
from .operations import answer_models, model_view, operation_view, reachable
from .views import is_free, literal

MARK = "Do not edit: change the specification, the generator's configuration or its templates, and regenerate."


@dataclass(frozen=True)
class Target:
    """A client package to make.

    Attributes:
        spec: the specification.
        package: the name of the package.
        templates: the folder of template overrides.
        source: how generated files name the specification.
    """

    spec: Path
    package: str
    templates: Path
    source: str


class GenerationError(Exception):
    """The generator failed, warned, or dropped something."""


def load(path: Path) -> Node:
    """Read a YAML document; a key that stands twice is an error, since one of the two would be lost."""

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Node:
        result: Node = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if key in result:
                raise SpecError(f"{path.name}:{key_node.start_mark.line + 1}: the key {key!r} stands twice")
            result[key] = loader.construct_object(value_node, deep=True)
        return result

    # Dates stay texts: `date: 2026-11-21` is what the document says.
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    document = yaml.load(path.read_text(encoding="utf-8"), Loader)
    if not isinstance(document, dict):
        raise SpecError(f"{path.name} holds no OpenAPI document")
    return document


def generate(target: Target, output: Path, settings: dict[str, Any]) -> list[OperationFacts]:
    """Generate a package into `output` (which must not exist) and give the operations that it holds.

    Raises:
        SpecError: if the specification cannot be generated from.
        GenerationError: if the generator or the formatter failed or warned, or an operation was lost.
    """
    _check_versions(settings)
    document = Document(load(target.spec))
    operations = document.operations()
    data = GeneratorData.from_dict(generator_view(document), config=_config(target, output, settings))
    if isinstance(data, GeneratorError):
        raise GenerationError(f"{data.header}: {data.detail}")
    endpoints = [
        endpoint for collection in data.endpoint_collections_by_tag.values() for endpoint in collection.endpoints
    ]
    _check_complete(target, operations, endpoints, data)
    project = _project(target, output, settings, data, document, operations, endpoints)
    with contextlib.redirect_stdout(io.StringIO()):  # it announces the folder, which is a temporary one
        problems = [f"{error.header}: {error.detail}" for error in project.build()]
    if problems:
        raise GenerationError(f"{target.source}: " + "; ".join(problems))
    template = project.env.get_template("calls.py.jinja")
    (output / "calls.py").write_text(template.render(), encoding="utf-8")
    (output / "sids.py").write_text(_sids_module(document), encoding="utf-8")
    (output / "py.typed").write_text("", encoding="utf-8")
    shutil.copyfile(target.spec, output / "openapi.yaml")
    _format(output, target)
    return operations


def _project(
    target: Target,
    output: Path,
    settings: dict[str, Any],
    data: GeneratorData,
    document: Document,
    operations: list[OperationFacts],
    endpoints: list[Endpoint],
) -> Project:
    # Enums stand as literals where they are used, and objects without documented members are dicts.
    data.enums.clear()
    data.models[:] = sorted(
        (model for model in data.models if not is_free(model)),
        key=lambda model: str(model.class_info.name),
    )
    answered = reachable(answer_models(endpoints), data.models)
    by_name = {_name(operation): operation for operation in operations}
    views = {str(endpoint.name): operation_view(by_name[str(endpoint.name)], endpoint) for endpoint in endpoints}
    project = Project(
        openapi=data,
        config=_config(target, output, settings),
        custom_template_path=target.templates,
    )
    project.env.filters["literal"] = literal
    project.env.globals.update(
        describe=lambda endpoint: views[str(endpoint.name)],
        model_view=lambda model: model_view(model, document, str(model.class_info.name) in answered),
        model_modules=lambda: [(str(m.class_info.name), str(m.class_info.module_name)) for m in data.models],
        security=_security(document.root),
    )
    return project


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
        found = importlib.metadata.version(package)
        if found != str(wanted):
            raise GenerationError(f"{package} {wanted} is pinned in generator.yaml, and {found} is installed")


def _check_complete(
    target: Target, operations: list[OperationFacts], endpoints: list[Endpoint], data: GeneratorData
) -> None:
    problems = [f"{error.header}: {error.detail}" for error in data.errors]
    for collection in data.endpoint_collections_by_tag.values():
        problems += [f"{error.header}: {error.detail}" for error in collection.parse_errors]
    generated = [str(endpoint.name) for endpoint in endpoints]
    names = [_name(operation) for operation in operations]
    problems += [f"not generated: {name}" for name in names if name not in generated]
    problems += [f"two operations are called {name}" for name in sorted(set(names)) if names.count(name) > 1]
    problems += [f"not specified: {name}" for name in generated if name not in names]
    if problems:
        raise GenerationError(f"{target.source}: " + "; ".join(problems))


def _name(operation: OperationFacts) -> str:
    """The module of an operation: the generator derives it from the operationId in the same way."""
    return str(PythonIdentifier(operation.id, "field_"))


def _security(root: Node) -> dict[str, str]:
    """The header that carries the token, and what stands before it."""
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
        [*ruff, "check", *shared, "--fix", "--select=F401,I", "--ignore=I002", str(output)],
        [*ruff, "format", *shared, str(output)],
    ):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise GenerationError(f"{' '.join(command[2:4])} failed: {result.stdout}{result.stderr}")


def fingerprint(paths: list[Path]) -> str:
    """A digest of files, for telling whether anything that generation depends on has changed."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


__all__ = ["GenerationError", "Target", "fingerprint", "generate", "load"]
