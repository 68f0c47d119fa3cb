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
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml
from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType

from . import extensions
from .assembly import Views, build_views
from .facts import Document, OperationFacts
from .parsing import module_name, parse
from .reach import Reach
from .refusals import Refusal, Refused
from .schemas import Node, SpecError, sid_schemas
from .views import docstring, field_source, fields_module, literal

MARK = "Do not edit: change the specification, the generator's configuration or its templates, and regenerate."


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


@dataclass(frozen=True)
class Generated:
    """What was generated.

    Attributes:
        operations: the operations.
        refusals: the operations that were left out.
    """

    operations: list[OperationFacts]
    refusals: list[Refusal]


def read_settings(root: Path) -> dict[str, Any]:
    """Read the settings of the generator, with the options of the clients that `x-client-default` may name."""
    settings: dict[str, Any] = yaml.safe_load((root / "openapi" / "generator.yaml").read_text(encoding="utf-8"))
    registry = tomllib.loads((root / "facade" / "invigilate" / "apis.toml").read_text(encoding="utf-8"))
    settings["client-defaults"] = sorted({name for api in registry.values() for name in api.get("defaults", ())})
    return settings


def generate(target: Target, output: Path, settings: dict[str, Any], *, skip_refused: bool = False) -> Generated:
    """Generate a package into `output`, which must not exist.

    Args:
        target: what to generate.
        output: the folder of the package.
        settings: generator.yaml.
        skip_refused: leave out operations that are not supported, instead of refusing the specification.

    Raises:
        Refused: if operations are not supported, with each of them.
        SpecError: if the specification as a whole is not supported.
        GenerationError: if the generator or the formatter failed.
    """
    _check_versions(settings)
    document = Document(_load(target.spec))
    operations, refusals = document.read()
    if found := extensions.problems(document.root, settings["client-defaults"]):
        raise SpecError("\n  ".join(["the document is refused:", *found, *map(str, refusals)]))
    operations, same = _without_twins(operations)
    refusals += same
    config = _config(target, output, settings)
    while True:
        parsed = parse(document, operations, config)
        views = build_views(document, operations, parsed)
        more = [*parsed.refusals, *views.refusals]
        refusals += more
        gone = {(each.method, each.path) for each in more}
        operations = [one for one in operations if (one.method, one.path) not in gone]
        if refusals and not (skip_refused and operations):
            raise Refused(_in_order(document, refusals))
        if not more:
            break
    refusals = _in_order(document, refusals)
    project = Project(openapi=parsed.data, config=config, custom_template_path=target.templates)
    _equip(project, document, views)
    with contextlib.redirect_stdout(io.StringIO()):  # it announces the folder, which is a temporary one
        problems = [f"{error.header}: {error.detail}" for error in project.build()]
    if problems:
        raise GenerationError(f"{target.source}: " + "; ".join(problems))
    for module in ("types.py", "errors.py"):  # the generator's own; `invigilate_runtime` stands in for both
        (output / module).unlink()
    _write_fields(output / "_fields", operations)
    (output / "sids.py").write_text(_sids_module(document), encoding="utf-8")
    (output / "py.typed").write_text("", encoding="utf-8")
    shutil.copyfile(target.spec, output / "openapi.yaml")
    (output / "provenance.json").write_text(_provenance(target, settings, refusals), encoding="utf-8")
    _format(output, target)
    return Generated(operations, refusals)


def _without_twins(operations: list[OperationFacts]) -> tuple[list[OperationFacts], list[Refusal]]:
    """Refuse operations that would share a module."""
    counts = Counter(map(module_name, operations))
    twins = [one for one in operations if counts[module_name(one)] > 1]
    refusals = [Refusal(one.method, one.path, one.id, f"two operations are named {module_name(one)}") for one in twins]
    return [one for one in operations if counts[module_name(one)] == 1], refusals


def _in_order(document: Document, refusals: list[Refusal]) -> list[Refusal]:
    paths = list(document.root.get("paths") or ())
    return sorted(refusals, key=lambda one: (paths.index(one.path), one.method))


def _equip(project: Project, document: Document, views: Views) -> None:
    """Pass to the templates what the generator itself does not."""
    data = project.openapi
    # What it could not parse is refused by now, or needed by no operation.
    for errors in (data.errors, *(collection.parse_errors for collection in data.endpoint_collections_by_tag.values())):
        errors.clear()
    # Enums are literals where they are used, and objects without documented fields are dicts.
    data.enums.clear()
    data.models[:] = views.models
    project.env.filters.update(literal=literal, docstring=docstring)
    project.env.globals.update(
        describe=lambda endpoint: views.operations[str(endpoint.name)],
        model_view=lambda model: views.of_models[str(model.class_info.name)],
        model_modules=lambda: [(str(m.class_info.name), str(m.class_info.module_name)) for m in views.models],
        security=document.header,
        title=" ".join(str(document.root["info"]["title"]).split()),
    )


def _write_fields(folder: Path, operations: list[OperationFacts]) -> None:
    """Write the fields of each shared schema that requests contain, one module each."""
    shared = Reach().of(fact for one in operations for fact in one.arguments).shared
    folder.mkdir()
    (folder / "__init__.py").write_text('"""The fields of shared schemas, each imported on first use."""\n')
    names: dict[str, str] = {}
    for name, fields in sorted(shared.items()):
        module = fields_module(name)
        if names.setdefault(module, name) != name:
            raise SpecError(f"{names[module]} and {name}: the fields of both would be in _fields/{module}.py")
        lines = "".join(f"    {field_source(fact, folder='.')},\n" for fact in fields)
        header = f"{docstring(f'The fields of `{name}`.')}\n\nfrom invigilate_runtime import Field, SharedFields\n\n"
        text = f"{header}FIELDS: tuple[Field, ...] = (\n{lines})\n"
        (folder / f"{module}.py").write_text(text, encoding="utf-8")


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


def _provenance(target: Target, settings: dict[str, Any], refusals: list[Refusal]) -> str:
    """Return what a package is generated from, as JSON that is shipped in it; see `invigilate.provenance`."""
    # The output of `sha256sum *` in the folder of templates.
    templates = sorted(path for path in target.templates.iterdir() if path.is_file())
    listing = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in templates)
    pins = {name: {"name": name, "version": importlib.metadata.version(name)} for name in settings["pins"]}
    provenance: dict[str, Any] = {
        "specification": {"file": target.source, "sha256": hashlib.sha256(target.spec.read_bytes()).hexdigest()},
        "generator": {**pins["openapi-python-client"], "options": settings.get("options", {})},
        "templates": {"sha256": hashlib.sha256(listing.encode()).hexdigest()},
        "formatter": pins["ruff"],
    }
    if refusals:
        provenance["refused"] = [str(refusal) for refusal in refusals]
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
