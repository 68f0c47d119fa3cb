"""Reads an OpenAPI document in the form that two of them are compared in."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]
_FORMATS = {"dateTime": "date-time", "datetime": "date-time", "url": "uri"}  # only the latter are registered


class Document:
    """An OpenAPI document.

    Attributes:
        schemas: the named schemas.
        parts: each parameter, request body and response by a key such as `GET /users query pageSize`: what the
            document states about it, and its schema.
    """

    def __init__(self, root: Node) -> None:
        self._root = root
        self.schemas: Node = root["components"]["schemas"]
        self.parts: dict[str, tuple[str, Node]] = {}
        for path, item in root["paths"].items():
            for method, operation in item.items():
                self._read(f"{method.upper()} {path}", operation)

    def resolve(self, node: Node) -> tuple[str, Node]:
        """Follow references, and unions of one schema with or without null. Returns the last name, and the node."""
        name = ""
        while True:
            union = [each for each in node.get("oneOf") or node.get("anyOf") or () if each.get("type") != "null"]
            if "$ref" in node:
                path, node = node["$ref"].split("/")[1:], self._root
                name = path[-1] if path[-1] != "schema" else path[-2]  # the latter of a parameter
                for step in path:
                    node = node[step]
            elif len(union) == 1:
                node = union[0]
            else:
                return name, node

    def model(self, node: Node) -> tuple[str, Node]:
        """Return the object or enum that a schema contains, below any arrays, and its name."""
        name, node = self.resolve(node)
        while node.get("type") == "array":
            name, node = self.resolve(node["items"])
        return (name if "properties" in node or "enum" in node else ""), node

    def describe(self, node: Node) -> str:
        """Describe the type of a schema, without fields, values, ranges, and null, which the facts never have."""
        node = self.resolve(node)[1]
        if union := node.get("oneOf") or node.get("anyOf"):
            return " or ".join(sorted({self.describe(each) for each in union} - {"null"}))
        types = node.get("type", "object" if "properties" in node else "any")
        types = " or ".join(each for each in types if each != "null") if isinstance(types, list) else types
        if types == "array":
            return f"array of {self.describe(node['items'])}"
        form = _FORMATS.get(node.get("format", ""), node.get("format", ""))
        return " ".join(filter(None, (types, form, "enum" if "enum" in node else "")))

    def _read(self, key: str, operation: Node) -> None:
        for parameter in operation.get("parameters", ()):
            _, each = self.resolve(parameter)
            name = each["name"].removesuffix("[]")
            stated = [self.describe(each["schema"]), each.get("style", ""), "required" if each.get("required") else ""]
            schema = {"$ref": f"{parameter['$ref']}/schema"} if "$ref" in parameter else each["schema"]
            self.parts[f"{key} {each['in']} {name}"] = ", ".join(filter(None, stated)), schema
            if name != each["name"]:  # apart, since the facts have them here and there
                self.parts[f"{key} {each['in']} {name} brackets"] = "brackets", {}
        bodies = {"body": operation["requestBody"]} if "requestBody" in operation else {}
        for part, body in [*bodies.items(), *operation["responses"].items()]:
            content = self.resolve(body or {})[1].get("content", {})
            stated = [f"{media}: {self.describe(each['schema'])}" for media, each in content.items()] or ["no body"]
            stated += ["required"] if (body or {}).get("required") else []
            self.parts[f"{key} {part}"] = ", ".join(stated), next((each["schema"] for each in content.values()), {})
