"""The structure of the hand-written packages: their size, no import circle, and no vendor in the neutral core."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from structure import (
    CONNECTIONS,
    LONGEST,
    NEUTRAL,
    ROOT,
    RUNTIME,
    circles,
    modules,
    naming_vendors,
    report,
    statements_by_layer,
)

from invigilate._apis import APIS, read_registry

# Statements without docstrings. The core and the folders of the APIs together, the neutral core, and two layers apart.
# The design wants 2,100 and 1,600; masking in every reading and reports that raise where they break off cost the rest,
# and exports as methods of a pager 17. What operators set (headers, limits, a timeout for each part, a hook, a log
# from the environment) cost 115, and what they need to be safe (bounds, the moment after the wait for others) 14.
# Each operation is a statement of its folder. The runtime was 350 before it took files, texts, styles and limits.
# It wants 350 for the runtime; files and multipart take 33, styles of arrays and objects 12, responses of several
# types, text and bytes 15, fields that are imported on first use 9.
LARGEST_TOTAL = 2780
LARGEST_NEUTRAL = 1961
LARGEST_RUNTIME = 425
LARGEST_CONNECTIONS = 606
# The public door of the package exports the clients, so that type checkers and editors find them.
DOOR = "invigilate"


def test_the_core_and_the_runtime_stay_small() -> None:
    counts = statements_by_layer(modules())
    assert min(counts.values()) > 100, counts
    assert counts[RUNTIME] <= LARGEST_RUNTIME, counts
    assert counts[CONNECTIONS] <= LARGEST_CONNECTIONS, counts
    assert counts[NEUTRAL] <= LARGEST_NEUTRAL, counts
    assert counts[NEUTRAL] + sum(counts[api.key] for api in APIS) <= LARGEST_TOTAL, counts


def test_no_modules_import_each_other() -> None:
    assert circles() == []


def test_only_the_folder_of_an_api_names_its_vendor() -> None:
    naming = naming_vendors(modules(), APIS)
    assert {str(module.path): words for module, words in naming.items() if module.name != DOOR} == {}


def test_a_module_is_one_that_a_person_reads() -> None:
    assert {module.name: module.lines for module in modules() if module.lines > LONGEST} == {}


REGISTRY = """
[acme]
title = "Acme Exams"
spec = "acme-exams"
package = "acme_client"
clients = ["Acme", "AsyncAcme"]
"""
TREE = {
    "invigilate/apis.toml": REGISTRY,
    "invigilate/__init__.py": '"""Doc."""\n\nfrom ._alone import X\n',
    "invigilate/_alone.py": '"""Doc."""\nX = 1\n"""Of X."""\ndef f():\n    """Doc."""\n    # Why.\n    return X\n',
    "invigilate/_http/pool.py": "from .. import _alone\n",
    "invigilate/acme/__init__.py": "",
    "invigilate/acme/client.py": "from .._alone import f  # of Acme\n",
    "invigilate/cli/app.py": "from invigilate.acme import client\n",
    "invigilate_runtime/__init__.py": "import typing\n",
}


def tree(folder: Path, **more: str) -> Path:
    for name, text in {**TREE, **{f"invigilate/{name}.py": text for name, text in more.items()}}.items():
        (folder / "facade" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "facade" / name).write_text(text)
    return folder


def test_statements_are_counted_by_layer(tmp_path: Path) -> None:
    """Docstrings, comments and blank lines do not count, nor do optional parts such as the command line."""
    found = modules(tree(tmp_path))
    assert statements_by_layer(found) == {NEUTRAL: 4, CONNECTIONS: 1, "acme": 1, RUNTIME: 1}
    assert [module.statements for module in found if module.name == "invigilate._alone"] == [3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("from ._other import f", "from ._one import g"),
        ("import invigilate._other", "from . import _one"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ._other import f", "from . import _one"),
        ("def f():\n    from invigilate import _other", "from invigilate._one import f"),
    ],
)
def test_circles_are_found(one: str, other: str, tmp_path: Path) -> None:
    """Whichever way a module is imported, for type checkers and in functions, too."""
    assert circles(tree(tmp_path, _one=one, _other=other)) == [["invigilate._one", "invigilate._other"]]


def test_a_circle_through_several_modules_and_the_package_itself_is_found(tmp_path: Path) -> None:
    assert circles(tree(tmp_path, _one="from ._two import x", _two="from ._alone import X")) == []
    circle = tree(tmp_path, _alone="from ._one import x\nX = 1", _one="from ._two import x", _two="from . import X")
    assert circles(circle) == [["invigilate", "invigilate._alone", "invigilate._one", "invigilate._two"]]


def test_vendors_are_found_in_any_letters(tmp_path: Path) -> None:
    root = tree(tmp_path, _one="# As ACME documents it.\n", _two="X = 'AcmeClient'\n", _three="Y = 'accme'\n")
    naming = naming_vendors(modules(root), read_registry(root / "facade" / "invigilate" / "apis.toml"))
    assert {module.name: words for module, words in naming.items()} == {
        "invigilate._one": ["acme"],
        "invigilate._two": ["acme"],
    }


def test_the_report_has_all_of_it(tmp_path: Path) -> None:
    root = tree(tmp_path, _one="from ._two import x\n", _two="from ._one import acme\n" + "\n" * LONGEST)
    lines = list(report(root))
    for line in (
        f"{NEUTRAL}: 6 statements",
        "      3 invigilate._alone",
        "all but the runtime: 8 statements",
        "import circles: 1",
        "  invigilate._one invigilate._two",
        "modules that name a vendor: 1",
        "  facade/invigilate/_two.py: acme",
        f"modules of more than {LONGEST} lines: 1",
        f"  facade/invigilate/_two.py: {LONGEST + 1}",
    ):
        assert line in lines


def test_the_command_prints_the_figures() -> None:
    done = subprocess.run([ROOT / "scripts" / "figures"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(report())
