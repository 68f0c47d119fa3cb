"""The public Python surface, read from the sources by griffe without importing them, in a form that can be recorded.

What is public:

- modules without an underscore at the top of each package, and all below, up to a package whose `__all__` lists what
  it exports, modules included;
- in a module, the names in its `__all__`, or else everything it defines without an underscore;
- in a class, everything without an underscore, including what it inherits from private base classes, and the methods
  that make it iterable, callable, comparable or a context manager;
- the constructor of a class whose docstring has `Args:`, or refers to that of another class (see `Other`), and of a
  model; the SDK itself constructs everything else;
- the resources of the clients, with their calls.

Each object is listed under its shortest public name; its other public names are aliases. Annotations are expanded:
private type aliases and the type variables of private base classes are replaced by their values.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import griffe

from . import apis
from .changes import ReportError
from .constructors import has_generated_constructor, is_constructed_by_callers, options
from .deprecations import notes, unwrapped

# How often a name is replaced by its value; more would be a circular definition.
_MOST_NAMES = 8
_SPECIAL = frozenset(
    f"__{name}__"
    for name in (
        *("aenter", "aexit", "aiter", "anext", "bool", "call", "contains", "delitem", "enter", "eq", "exit"),
        *("getitem", "hash", "init", "int", "iter", "len", "lt", "next", "reversed", "setitem", "str"),
    )
)

Surface = dict[str, dict[str, Any]]
"""The public objects, by name:

- `{"kind": "module"}`
- `{"kind": "class", "bases": [...]}`, all public ancestors; a sync client also has `variable`, its name in reports
- `{"kind": "function", "signatures": [...]}`, several if it is overloaded
- `{"kind": "call", "describes": ...}`, a call of a client, with the signature of that generated function
- `{"kind": "attribute", "type": ..., "value": ...}`, as far as known
- `{"kind": "alias", "of": ...}`

A signature is `{"parameters": [[name, kind, type, default], ...], "returns": ..., "async": true, "method": ...}`, with
only the keys that apply. `method` is `class` or `static`.

A deprecated object has `deprecated` with the text of the warning, and a function or a call that still accepts an old
name of an argument has `renamed`: `{old name: [new name, version that removes it]}`.
"""


class _Instances(griffe.Extension):
    """Adds annotated attributes that methods other than the constructor set; griffe reads only the constructor."""

    def on_function_instance(self, *, node: Any, func: griffe.Function, **_: Any) -> None:
        """Add what the body declares as `self.name: type = ...`."""
        if func.name == "__init__" or not isinstance(func.parent, griffe.Class) or not isinstance(node, ast.AST):
            return
        for statement in getattr(node, "body", []):
            match statement:
                case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                    annotation = griffe.safe_get_annotation(statement.annotation, parent=func.parent)
                    func.parent.set_member(name, griffe.Attribute(name, annotation=annotation, parent=func.parent))


def read(root: Path) -> Surface:
    """Read the surface of a tree.

    Args:
        root: a folder with `facade/` and `generated/`.

    Raises:
        ReportError: if a package is missing or cannot be parsed.
    """
    registry = apis.read(root)
    found = read_packages([root / "facade", root / "generated"], apis.packages(registry))
    for client, variable in apis.variables(registry).items():
        if f"invigilate.{client}" in found:
            found[f"invigilate.{client}"]["variable"] = variable
    return found


def read_packages(folders: Sequence[Path], packages: Sequence[str]) -> Surface:
    """Read the surface of packages.

    Args:
        folders: the folders that contain them.
        packages: their names.

    Raises:
        ReportError: if a package is missing or cannot be parsed.
    """
    loader = griffe.GriffeLoader(
        search_paths=list(folders),
        allow_inspection=False,
        extensions=griffe.load_extensions(_Instances),
    )
    try:
        for package in packages:
            loader.load(package, submodules=True)
    except (ImportError, SyntaxError, griffe.GriffeError) as error:
        raise ReportError(f"the Python surface cannot be read: {error}") from None
    loader.resolve_aliases(implicit=True, external=False)
    return _Reader(loader.modules_collection, packages).surface()


class _Reader:
    def __init__(self, modules: griffe.ModulesCollection, packages: Sequence[str]) -> None:
        self.modules, self.packages = modules, packages
        self.public: dict[str, str] = {}
        self.found: Surface = {}

    def surface(self) -> Surface:
        listed = [entry for package in self.packages for entry in self._listed(self.modules[package])]
        for name, thing in sorted(listed, key=lambda entry: (entry[0].count("."), entry[0])):
            self.public.setdefault(thing.canonical_path, name)
        for name, thing in listed:
            shortest = self.public[thing.canonical_path]
            if shortest != name:
                self.found[name] = {"kind": "alias", "of": shortest}
            else:
                self._record(name, thing)
        return dict(sorted(self.found.items()))

    # What is public

    def _listed(self, module: Any, top: bool = True) -> Iterator[tuple[str, Any]]:
        yield module.path, module
        for name, member in module.members.items():
            # Hooks are for pytest alone.
            if name.startswith(("_", "pytest_")) or (module.exports is not None and name not in module.exports):
                continue
            target = _target(member)
            if target is None or target.is_module:
                continue
            # Without __all__, imports are not exported.
            if (not member.is_alias or module.exports is not None) and not _is_type_variable(target):
                yield f"{module.path}.{name}", target
        for name, member in sorted(module.members.items()):
            offered = top or module.exports is None or name in module.exports
            if not member.is_alias and member.is_module and offered and not name.startswith("_"):
                yield from self._listed(member, top=False)

    # What it is

    def _record(self, name: str, thing: Any) -> None:
        if thing.is_module:
            self.found[name] = {"kind": "module"}
        elif thing.is_class:
            self._class(name, thing)
        elif thing.is_function:
            self.found[name] = self._function(thing, thing.name, {})
        else:
            self.found[name] = self._attribute(thing, {})

    def _class(self, name: str, thing: Any) -> None:
        lineage = [(thing, {}), *self._ancestors(thing, {})]
        external = {path for one, _ in lineage for path in self._foreign_bases(one)}
        known = {self.public[one.canonical_path] for one, _ in lineage[1:] if one.canonical_path in self.public}
        self.found[name] = {"kind": "class", "bases": sorted(external | known), **_deprecation(thing)}
        members: dict[str, tuple[Any, dict[str, str]]] = {}
        inherited: set[str] = set()
        for one, variables in lineage:
            # What a public ancestor defines is listed there.
            if one is not thing and one.canonical_path in self.public:
                inherited |= set(one.members) - set(members)
            for member_name, member in one.members.items():
                if member_name not in inherited:
                    members.setdefault(member_name, (member, variables))
        model = ".models." in thing.path
        if has_generated_constructor(thing) and (model or is_constructed_by_callers(thing)):
            self._constructor(name, [one for one, _ in reversed(lineage)], model)
        for member_name, (member, variables) in members.items():
            path = f"{name}.{member_name}"
            target = _target(member)
            if path in self.found or target is None or target.is_class or target.is_module:
                continue
            if member_name == "__init__" and not is_constructed_by_callers(thing):
                continue
            if member_name.startswith("_") and member_name not in _SPECIAL:
                continue
            if target.is_function:
                self.found[path] = self._function(target, member_name, variables)
                continue
            self.found[path] = self._attribute(target, variables)
            if modes := _modes(target.annotation):
                mode = modes[".Async" in name]
                self.found[path]["type"] = f"{mode.left.canonical_path.rpartition('.')[2]}[{mode.slice}]"
            self._resource(path, target)

    def _resource(self, path: str, attribute: Any) -> None:
        """List the calls of a resource of the sync client; the async client has the same."""
        modes = _modes(attribute.annotation)
        thing = self._known(modes[0].left.canonical_path) if modes else None
        if thing is None or not thing.is_class or ".Async" in path:
            return
        for name, member in thing.members.items():
            if name.startswith("_") or member.is_alias:
                continue
            if member.is_function:
                self.found[f"{path}.{name}"] = self._function(member, name, {})
                continue
            inner, calls = self._bound(member.value)
            if not isinstance(inner, griffe.Expr):
                self.found[f"{path}.{name}"] = self._attribute(member, {})
                continue
            described = self._named(inner)
            # The function may be missing; it is still a call.
            whole = inner.canonical_path if described is None else described.path
            self.found[f"{path}.{name}"] = {"kind": "call", "describes": whole, **notes(calls)}

    def _bound(self, value: Any) -> tuple[Any, list[Any]]:
        """Return the function that a call is bound to, and the deprecations around it."""
        if isinstance(value, griffe.ExprCall) and str(value.function) == "operation" and value.arguments:
            load = value.arguments[0]
            return unwrapped(load.body if isinstance(load, griffe.ExprLambda) else None)
        return None, []

    def _named(self, expression: Any) -> Any:
        return self._known(expression.canonical_path) if isinstance(expression, griffe.Expr) else None

    def _function(self, thing: Any, name: str, variables: dict[str, str]) -> dict[str, Any]:
        if "property" in thing.labels:
            return self._attribute(thing, variables)
        signatures = [self._signature(part, variables) for part in thing.overloads or [thing]]
        return {"kind": "function", "signatures": signatures, **_deprecation(thing)}

    def _signature(self, thing: Any, variables: dict[str, str]) -> dict[str, Any]:
        method = thing.parent is not None and thing.parent.is_class and "staticmethod" not in thing.labels
        parameters = [
            [
                parameter.name,
                parameter.kind.value,
                self._text(parameter.annotation, variables),
                None if parameter.default is None or "variadic" in parameter.kind.value else str(parameter.default),
            ]
            for parameter in list(thing.parameters)[1 if method else 0 :]
        ]
        signature: dict[str, Any] = {"parameters": parameters, "returns": self._text(thing.returns, variables)}
        if "async" in thing.labels:
            signature["async"] = True
        for kind in ("class", "static"):
            if f"{kind}method" in thing.labels:
                signature["method"] = kind
        return signature

    def _constructor(self, name: str, lineage: list[Any], model: bool) -> None:
        """Record the constructor that attrs, dataclasses or a named tuple generates from annotated attributes.

        Those of a model count as keyword-only: the order of its fields is not public.
        """
        parameters: dict[str, list[Any]] = {}
        for attribute in (
            member for one in lineage if has_generated_constructor(one) for member in one.members.values()
        ):
            if not attribute.is_attribute or attribute.annotation is None:
                continue
            value = "" if attribute.value is None else str(attribute.value)
            passed = options(attribute.value)
            if str(attribute.annotation).startswith("ClassVar") or passed.get("init") == "False":
                continue
            parameter = ast.literal_eval(passed["alias"]) if "alias" in passed else attribute.name
            if parameter.startswith("_"):
                continue
            default = passed.get("default", passed.get("factory")) if passed else value or None
            kind = "keyword-only" if model or passed.get("kw_only") == "True" else "positional or keyword"
            parameters[parameter] = [parameter, kind, self._text(attribute.annotation, {}), default]
        if parameters:
            signature = {"parameters": list(parameters.values()), "returns": None}
            self.found[f"{name}.__init__"] = {"kind": "function", "signatures": [signature]}

    def _attribute(self, thing: Any, variables: dict[str, str]) -> dict[str, Any]:
        annotation = thing.returns if thing.is_function else thing.annotation
        inner, calls = unwrapped(None if thing.is_function else thing.value)
        described = self._named(inner) if calls else None
        if described is not None and described.is_function:
            # The old name of a function: `old = deprecated("...")(new)`.
            return {**self._function(described, described.name, variables), **notes(calls)}
        record: dict[str, Any] = {"kind": "attribute", **(_deprecation(thing) if thing.is_function else {})}
        if annotation is not None:
            record["type"] = self._text(annotation, variables)
        value = None if thing.is_function else thing.value
        if isinstance(value, griffe.ExprTuple) and _is_of_numbers(thing.parent):
            # The first is the number; callers do not rely on the rest.
            value = value.elements[0]
        # Callers rely on enum members and short constants; the version changes by itself.
        plain = isinstance(value, str) and len(value) <= 60 and thing.name != "__version__"
        if annotation is None and (plain or isinstance(value, griffe.ExprSubscript | griffe.ExprBinOp)):
            record["value"] = str(value)
        return record

    # Names

    def _known(self, path: str) -> Any:
        try:
            return _target(self.modules[path])
        except (KeyError, griffe.GriffeError):
            return None

    def _ancestors(self, thing: Any, variables: dict[str, str]) -> list[tuple[Any, dict[str, str]]]:
        """Return the ancestors in these packages, each with the values of its type variables."""
        found: list[tuple[Any, dict[str, str]]] = []
        for base in thing.bases:
            generic = isinstance(base, griffe.ExprSubscript)
            left = base.left if generic else base
            ancestor = self._known(left.canonical_path) if isinstance(left, griffe.Expr) else None
            if ancestor is None or not ancestor.is_class:
                continue
            passed: dict[str, str] = {}
            if generic:
                inside = base.slice.elements if isinstance(base.slice, griffe.ExprTuple) else [base.slice]
                passed = dict(
                    zip(_variables(ancestor), (self._text(one, variables) or "" for one in inside), strict=False)
                )
            found += [(ancestor, passed), *self._ancestors(ancestor, passed)]
        return found

    def _foreign_bases(self, thing: Any) -> list[str]:
        names: list[str] = []
        for base in thing.bases:
            left = base.left if isinstance(base, griffe.ExprSubscript) else base
            path = left.canonical_path if isinstance(left, griffe.Expr) else str(left)
            if self._known(path) is None and path.rsplit(".", 1)[-1] not in {"Generic", "Protocol"}:
                names.append(path)
        return names

    def _text(self, annotation: Any, variables: dict[str, str]) -> str | None:
        """Return an annotation with private names replaced by their values."""
        if annotation is None:
            return None
        meant = _meant(annotation)
        tree = ast.parse(str(annotation), mode="eval")
        return ast.unparse(_Names(self, meant, variables, 0).visit(tree))

    def value_of_alias(self, path: str, name: str) -> Any:
        """Return the value of a private type alias, or `None`."""
        thing = self._known(path)
        if thing is None or not thing.is_attribute or thing.canonical_path in self.public or _is_type_variable(thing):
            return None
        return thing.value if isinstance(thing.value, griffe.ExprSubscript | griffe.ExprBinOp) else None


class _Names(ast.NodeTransformer):
    """Replaces names in an annotation."""

    def __init__(self, reader: _Reader, meant: dict[str, str], variables: dict[str, str], depth: int) -> None:
        self.reader, self.meant, self.variables, self.depth = reader, meant, variables, depth

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.variables:
            return ast.parse(self.variables[node.id], mode="eval").body
        value = self.reader.value_of_alias(self.meant.get(node.id, ""), node.id) if self.depth < _MOST_NAMES else None
        if value is None:
            return node
        meant = {
            part.name: part.canonical_path for part in value.iterate(flat=True) if isinstance(part, griffe.ExprName)
        }
        inner = _Names(self.reader, meant, {}, self.depth + 1).visit(ast.parse(str(value), mode="eval"))
        return inner.body  # type: ignore[no-any-return]

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id == "Literal":
            return node
        self.generic_visit(node)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        # A name in quotes, defined later.
        if isinstance(node.value, str) and node.value.isidentifier():
            return ast.Name(node.value)
        return node


def _modes(annotation: Any) -> list[Any]:
    """Return the types of a resource for the sync and the async client, from `Lazy[...]`; otherwise nothing."""
    if isinstance(annotation, griffe.ExprSubscript) and str(annotation.left) == "Lazy":
        elements = annotation.slice.elements if isinstance(annotation.slice, griffe.ExprTuple) else []
        if len(elements) == 2 and all(isinstance(one, griffe.ExprSubscript) for one in elements):
            return list(elements)
    return []


def _deprecation(thing: Any) -> dict[str, Any]:
    """Return the deprecations of a function or a class, and of its overloads."""
    parts = [*(thing.overloads or ()), thing] if thing.is_function else [thing]
    return notes(decorator.value for part in parts for decorator in part.decorators)


def _target(member: Any) -> Any:
    try:
        return member.final_target if member.is_alias else member
    except griffe.GriffeError:
        return None


def _meant(expression: Any) -> dict[str, str]:
    """Return the path of each name in an expression."""
    parts = expression.iterate(flat=True) if isinstance(expression, griffe.Expr) else ()
    return {part.name: part.canonical_path for part in parts if isinstance(part, griffe.ExprName)}


def _is_of_numbers(thing: Any) -> bool:
    """Return whether it is an enum of numbers, such as exit codes."""
    bases = thing.bases if thing is not None and thing.is_class else ()
    return any(isinstance(base, griffe.Expr) and base.canonical_path == "enum.IntEnum" for base in bases)


def _is_type_variable(thing: Any) -> bool:
    value = thing.value if thing.is_attribute else None
    return isinstance(value, griffe.ExprCall) and str(value.function) in {"TypeVar", "ParamSpec", "TypeVarTuple"}


def _variables(thing: Any) -> list[str]:
    for base in thing.bases:
        if isinstance(base, griffe.ExprSubscript) and str(base.left) in {"Generic", "Protocol"}:
            inside = base.slice.elements if isinstance(base.slice, griffe.ExprTuple) else [base.slice]
            return [str(one) for one in inside]
    return []


__all__ = ["Surface", "read"]
