"""Mutation testing: changes one detail of a module at a time, and runs the tests that call the changed code.

The changes are those of mutmut's operators. mutmut applies them to copies of functions, and leaves out decorated ones,
methods of a `NamedTuple`, and constants. Here nothing is written: each process, forked after the tests were collected,
replaces the code of one function, or assigns one constant and those that depend on it. What a class or a signature
holds (values of an enum, defaults) is not changed.
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import os
import signal
import sys
import threading
import time
import tomllib
import types
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import libcst as cst
import pytest
from hypothesis import Phase, settings
from mutmut.mutation.file_mutation import deep_replace
from mutmut.mutation.mutators import mutation_operators

PROJECT = Path(__file__).resolve().parent.parent
LIST = PROJECT / "tests/mutants.toml"
LOWEST_RATE = 95.0
SECONDS = 10
"""Of processor time for one test; an endless loop counts as killed."""
_UNTYPED = {"TypeVar", "cast", "isinstance", "len"}
"""No run shows a change of what only type checkers read; mutmut leaves out the other two."""


class Mutant(NamedTuple):
    """A change. Its name has the lines before and after, and no line number, so that it stays when they move."""

    name: str
    function: str
    code: types.CodeType | None
    assignments: list[ast.stmt]


class _Visitor(cst.CSTVisitor):  # type: ignore[misc]
    def __init__(self) -> None:
        self.scope: list[str] = []  # the class, and the function in it, which has ()
        self.nodes: list[cst.CSTNode] = []
        self.found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        called = node.func.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) else ""
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Param | cst.ImportFrom) or called in _UNTYPED:
            return False
        inside = self.scope and self.scope[-1].endswith("()")
        if isinstance(node, cst.FunctionDef | cst.ClassDef) and not inside:
            self.scope.append(node.name.value + "()" * isinstance(node, cst.FunctionDef))
            self.nodes.append(node)
        name = ".".join(self.scope)
        for type_, change in mutation_operators:
            if isinstance(node, type_) and (name.endswith("()") or not name):
                self.found += ((name.removesuffix("()"), node, new) for new in change(node))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self.nodes and self.nodes[-1] is original_node:
            self.scope.pop()
            self.nodes.pop()


def _functions(source: str, path: str) -> dict[str, types.CodeType]:
    found, waiting = {}, [compile(source, path, "exec")]
    for code in waiting:
        for inner in code.co_consts:
            if isinstance(inner, types.CodeType) and "<" not in inner.co_qualname:
                waiting.append(inner)
                if inner.co_flags & 2:  # a function, not a class
                    found[inner.co_qualname] = inner
    return found


def _assignments(source: str) -> list[Any]:
    return [each for each in ast.parse(source).body if isinstance(each, ast.Assign | ast.AnnAssign)]


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def mutants(source: str, path: str) -> Iterator[Mutant]:
    """All mutants of a module."""
    tree, visitor, seen = cst.parse_module(source), _Visitor(), Counter[str]()
    tree.visit(visitor)
    lines, assignments = source.splitlines(), _assignments(source)
    for name, node, new in visitor.found:
        mutated = deep_replace(tree, node, new).code
        changed: list[ast.stmt] = []
        for old, now in zip(assignments, [] if name else _assignments(mutated), strict=bool(not name)):
            different = ast.dump(old) != ast.dump(now) or any(_names(each) & _names(now) for each in changed)
            # Aliases of types, and what a star imports, are of no interest here.
            if different and not isinstance(old.value, ast.Subscript) and not {"TypeVar", "__all__"} & _names(old):
                changed.append(now)
        if name or changed:
            there = mutated.splitlines()
            first = next(at for at, (one, other) in enumerate(zip(lines, there, strict=False)) if one != other)
            last = next(
                at for at, (one, other) in enumerate(zip(lines[::-1], there[::-1], strict=False)) if one != other
            )
            parts = [("-", lines[first : len(lines) - last]), ("+", there[first : len(there) - last])]
            shown = "\n".join([name or "module", *(f"{sign} {line.strip()}" for sign, each in parts for line in each)])
            seen[shown] += 1
            shown += f"\n({seen[shown]})" if seen[shown] > 1 else ""
            yield Mutant(shown, name, _functions(mutated, path).get(name), changed)


def forked(work: Callable[[int], bool]) -> tuple[bool, str]:
    """Run something in a process of its own; return whether it succeeded, and what it wrote to its descriptor."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os._exit(0 if work(write) else 1)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        written = pipe.read()
    return os.waitpid(child, 0)[1] == 0, written


def _limit() -> None:
    """End the process if the next test takes too long, by the processor or, if it waits forever, by the clock."""
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    signal.alarm(SECONDS * 6)


class Run:
    """A run of pytest, which has this as a plugin."""

    def __init__(self, module: str, tests: list[str], found: list[Mutant], write: int) -> None:
        self.module, self.tests, self.found, self.write = module, tests, found, write

    def __call__(self) -> bool:
        """Run pytest, and write the numbers of the mutants that survive."""
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        # The same examples each time, and no search for the shortest one.
        phases = (Phase.explicit, Phase.generate)
        self.settings = settings(
            deadline=None, derandomize=True, database=None, phases=phases, max_examples=20, suppress_health_check=[]
        )
        options = ["-x", "--assert=plain", "-pno:cacheprovider", "-panyio", "-p_hypothesis_pytestplugin"]
        return pytest.main([*options, *self.tests], plugins=[self]) == 0

    def pytest_configure(self) -> None:
        """For pytest, after its configuration files, which have another profile."""
        settings.register_profile("mutants", self.settings)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: Any) -> bool:
        """For pytest: run the tests without a change, then those that a change concerns."""
        passed, written = forked(lambda write: self._trace(session, write))
        if not passed:
            os.write(self.write, session.items[int(written)].nodeid.encode())
            return True
        tests: dict[str, list[int]] = json.loads(written)
        path = sys.modules[self.module].__file__
        functions = [each for each in gc.get_objects() if isinstance(each, types.FunctionType)]
        functions = [each for each in functions if each.__code__.co_filename == path]
        killers: dict[str, set[int]] = defaultdict(set)
        for number, mutant in enumerate(self.found):
            first = sorted(tests.get(mutant.function, ()), key=lambda test: test not in killers[mutant.function])
            passed, killer = forked(partial(self._mutated, session, mutant, functions, first))
            if passed:
                os.write(self.write, f"{number} ".encode())
            elif killer:
                killers[mutant.function].add(int(killer))
        return True

    def _execute(self, session: Any, write: int, tests: list[int], before: Callable[[], object] = _limit) -> bool:
        items = [session.items[test] for test in tests]
        for test, item, after in zip(tests, items, [*items[1:], None], strict=True):
            before()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.testsfailed:
                os.write(write, str(test).encode())
                return False
        return True

    def _trace(self, session: Any, write: int) -> bool:
        """Write which tests call each function, quick ones first."""
        calls: dict[str, set[int]] = defaultdict(set, {"": {*range(len(session.items))}})  # "" for constants
        times: list[float] = []
        path = sys.modules[self.module].__file__

        def trace(frame: types.FrameType, event: str, argument: object) -> None:
            if frame.f_code.co_filename == path:
                calls[frame.f_code.co_qualname.split(".<")[0]].add(len(times) - 1)

        threading.settrace(trace)
        sys.settrace(trace)
        passed = self._execute(session, write, [*range(len(session.items))], lambda: times.append(time.process_time()))
        cost = [after - before for before, after in pairwise([*times, time.process_time()])]
        ordered = {name: sorted(tests, key=cost.__getitem__) for name, tests in calls.items()}
        os.write(write, json.dumps(ordered).encode() * passed)
        return passed

    def _mutated(self, session: Any, mutant: Mutant, functions: list[Any], tests: list[int], write: int) -> bool:
        for function in functions:
            if mutant.code is not None and function.__code__.co_qualname == mutant.function:
                function.__code__ = mutant.code
        module = sys.modules[self.module]
        before = dict(vars(module))
        try:
            exec(compile(ast.Module(mutant.assignments, []), str(module.__file__), "exec"), vars(module))
        except Exception:
            return False  # the module could not be imported
        for name in [name for name, value in before.items() if vars(module)[name] is not value]:
            # A word or a small number is the same object in a test that does not import it.
            shared = isinstance(before[name], int) or str(before[name]).isidentifier()
            for other in list(sys.modules.values()):
                if vars(other).get(name) is before[name] and not (shared and other.__name__.startswith("test")):
                    setattr(other, name, vars(module)[name])
        return self._execute(session, write, tests)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="mutants",
        description="Change modules one detail at a time and run their unit tests. Fails if a change that no test "
        f"notices is not listed in {LIST.name}, if a listed one is noticed, or if less than {LOWEST_RATE} % are.",
    )
    known = tomllib.loads(LIST.read_text(encoding="utf-8"))
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"by default all: {', '.join(known)}")
    parser.add_argument("--list", action="store_true", help="only print the mutants")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(known):
        parser.error(f"unknown module: {', '.join(sorted(unknown))}")
    os.chdir(PROJECT)
    problems = []
    print(f"{'module':42}{'mutants':>9}{'killed':>9}{'survived (listed)':>20}{'rate':>9}")
    for name in options.modules or known:
        path = PROJECT / "facade" / f"{name.replace('.', '/')}.py"
        found = list(mutants(path.read_text(encoding="utf-8"), str(path)))
        if options.list:
            print(*(f"{name}: {mutant.name}\n" for mutant in found), sep="\n")
            continue
        tests = [f"tests/unit/{test}" for test in known[name]["tests"]]
        tests += [f"-knot ({known[name]['without']})"] if "without" in known[name] else []
        passed, written = forked(lambda write: Run(name, tests, found, write)())  # noqa: B023
        if not passed or not all(word.isdigit() for word in written.split()):
            raise SystemExit(f"mutants: the tests of {name} fail without a change: {written}")
        alive = [found[int(number)].name for number in written.split()]
        listed = [mutant for group in known[name].get("survivors", ()) for mutant in group["mutants"]]
        problems += [f"{name}: not listed: {mutant}" for mutant in alive if mutant not in listed]
        problems += [f"{name}: listed, but killed or gone: {mutant}" for mutant in listed if mutant not in alive]
        rate = 100 * (1 - len(alive) / len(found))
        problems += [f"{name}: only {rate:.1f} % of the mutants are killed"] if rate < LOWEST_RATE else []
        shown = f"{len(alive)} ({len(set(alive) & set(listed))})"
        print(f"{name:42}{len(found):>9}{len(found) - len(alive):>9}{shown:>20}{rate:>8.1f}%", flush=True)
    print(*problems, sep="\n\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
