"""The cost of generating, and the size of what is generated, are linear in the specification.

Nothing is timed: what would grow is counted. References that are expanded as a tree double with each resource of the
synthetic specification, so the tests that generate it would not end.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from regenerator import schemas
from regenerator.__main__ import main
from regenerator.facts import Document
from regenerator.reach import Reach

from tests.support.synthetic import document, names

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("scale")

FEWER, MORE = 125, 500
# Whatever every package has, such as its client, makes the smaller one a little larger than its share.
LIMIT = MORE / FEWER


def generate(folder: Path, operations: int) -> Path:
    """Generate the synthetic specification, and return the package."""
    spec = folder / f"synthetic{operations}.json"
    spec.write_text(json.dumps(document(operations)))
    output = folder / f"made{operations}"
    assert main(["--spec", str(spec), "--package", "synthetic_client", "--output", str(output)]) == 0
    return output / "synthetic_client"


def sizes(package: Path) -> Counter[str]:
    """Count files, bytes and statements of a package."""
    found: Counter[str] = Counter()
    for path in package.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        found["files"] += 1
        found["bytes"] += len(source)
        found["nodes"] += sum(1 for _ in ast.walk(ast.parse(source)))
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, Path], dict[int, Counter[str]]]:
    """The packages of both sizes, and how often the generator read a schema for each."""
    folder = tmp_path_factory.mktemp("scale")
    made: dict[int, Path] = {}
    calls: dict[int, Counter[str]] = {}
    for operations in (FEWER, MORE):
        counted: Counter[str] = Counter()
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in ((schemas.Schemas, "_read"), (schemas.Schemas, "fact"), (schemas, "follow")):
                patch.setattr(owner, name, counting(getattr(owner, name), counted, name))
            made[operations] = generate(folder, operations)
        calls[operations] = counted
    return made, calls


def counting(function: Any, counted: Counter[str], name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        counted[name] += 1
        return function(*args, **kwargs)

    return call


def test_the_work_is_linear(packages: tuple[dict[int, Path], dict[int, Counter[str]]]) -> None:
    _, calls = packages
    assert set(calls[MORE]) == {"_read", "fact", "follow"}
    for name, count in calls[MORE].items():
        assert count <= calls[FEWER][name] * LIMIT, name


def test_the_generated_source_is_linear(packages: tuple[dict[int, Path], dict[int, Counter[str]]]) -> None:
    made, _ = packages
    fewer, more = sizes(made[FEWER]), sizes(made[MORE])
    for name, count in more.items():
        assert count <= fewer[name] * LIMIT, name
    found = {path.stem for path in (made[MORE] / "api").rglob("*.py")} - {"__init__"}
    assert found == {module for _, module in names(MORE)}


def test_no_module_grows_with_the_specification(packages: tuple[dict[int, Path], dict[int, Counter[str]]]) -> None:
    made, _ = packages

    def longest(package: Path, part: str) -> int:
        return max(len(path.read_bytes()) for path in (package / part).rglob("*.py") if path.stem != "__init__")

    for part in ("api", "models", "_fields"):
        # Only for the longer numbers in names, of which there are none.
        assert longest(made[MORE], part) <= longest(made[FEWER], part) * 1.01, part


def test_one_operation_imports_nothing_of_the_others(packages: tuple[dict[int, Path], dict[int, Counter[str]]]) -> None:
    made, _ = packages
    program = """
import sys
from synthetic_client.api.items_0030 import create_item_0030
found = [name for name in sys.modules if name.startswith("synthetic_client")]
print(*sorted(name for name in found if ".api.items_" not in name))
print(len([name for name in found if ".api.items_" in name]))
field = next(field for field in create_item_0030.OPERATION.fields if field.wire_name == "before")
for depth in range(29, 0, -1):
    (field,) = [each for each in field.fields if each.wire_name == "before"]
print(len([name for name in sys.modules if name.startswith("synthetic_client._fields.")]))
print(len([name for name in sys.modules if name.startswith("synthetic_client.models")]))
"""
    path = f"{made[MORE].parent}:{ROOT / 'facade'}"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    packages_, own, fields, models = done.stdout.splitlines()
    assert packages_.split() == ["synthetic_client", "synthetic_client.api"]
    # Its tag, and itself.
    assert int(own) == 2
    # Each of 29 levels imports what it needs, and nothing else.
    assert (int(fields), int(models)) == (29, 0)


def test_references_that_double_are_read_once() -> None:
    found, refusals = Document(document(8 * 60)).read()
    assert refusals == []
    # Expanded, the first field of the last resource alone has 2 to the power of 59 values.
    reached = Reach().of(fact for one in found for fact in one.arguments)
    assert len(reached.shared) == 59 + 4
    assert reached.sensitive == {"street", "name"}


def test_long_lists_of_names_are_split_for_type_checkers(tmp_path: Path) -> None:
    root = document(1)
    root["components"]["schemas"] |= {
        f"Extra{index}": {"type": "object", "properties": {"a": {"type": "string"}}} for index in range(600)
    }
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(root))
    assert main(["--spec", str(spec), "--package", "many_client", "--output", str(tmp_path)]) == 0
    source = (tmp_path / "many_client" / "models" / "__init__.py").read_text()
    (tmp_path / "program.py").write_text("from many_client.models import *\n\nprint(Extra0(), Extra599().a)\n")
    lists = [node for node in ast.parse(source).body if isinstance(node, ast.Assign | ast.AugAssign)]
    lengths = [len(node.value.elts) for node in lists if isinstance(node.value, ast.List)]
    assert (sum(lengths) > 600, max(lengths)) == (True, 256)
    checker = ROOT / "scripts" / "node" / "node_modules" / ".bin" / "pyright"
    assert checker.exists(), "the Node tools are not installed: run ./scripts/bootstrap --node"
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "facade")], "include": ["program.py"]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({**settings, "strict": ["many_client/models/__init__.py"]}))
    done = subprocess.run(
        [checker, "--project", str(tmp_path), "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
