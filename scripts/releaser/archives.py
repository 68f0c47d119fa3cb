"""Builds the sdist and the wheel twice, and compares them with each other and with the list of their contents."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from invigilate._apis import API, read_registry

from .process import Failed, Refused, outside, python, run
from .repository import Repository

REGISTRY = Path("facade/invigilate/apis.toml")
CONTENTS = Path(__file__).with_name("contents.txt")
SHOWN = 20


@dataclass(frozen=True)
class Archives:
    """A built version.

    Attributes:
        sdist: the source archive.
        wheel: the wheel.
    """

    sdist: Path
    wheel: Path


def build(source: Path, output: Path, epoch: int, umask: int) -> Archives:
    """Build the sdist, and the wheel from it, so that a missing file in the sdist is noticed.

    Nothing is downloaded: the build backend is that of this environment.

    Args:
        source: the tree to build.
        output: the output folder.
        epoch: the time of their members, in seconds since 1970.
        umask: the umask of the build.

    Raises:
        Failed: if the build fails.
    """
    command = python("-m", "build", "--no-isolation", "--outdir", output, source)
    run(*command, cwd=output, environment=outside(SOURCE_DATE_EPOCH=str(epoch)), umask=umask)
    sdists, wheels = sorted(output.glob("*.tar.gz")), sorted(output.glob("*.whl"))
    if len(sdists) != 1 or len(wheels) != 1:
        raise Failed(f"expected one sdist and one wheel from the build, got {len(sdists)} and {len(wheels)}")
    return Archives(sdists[0], wheels[0])


def build_twice(repository: Repository, output: Path) -> Archives:
    """Build in the tree, and again from a copy of its files in another folder with another umask.

    Args:
        repository: the tree.
        output: an empty folder for the archives.

    Raises:
        Refused: if the two builds differ, so that they depend on something outside of the repository.
    """
    with tempfile.TemporaryDirectory(prefix="invigilate-build-") as scratch:
        copy, again = Path(scratch, "a copy"), Path(scratch, "again")
        for name in repository.files():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository.root / name, copy / name)
        again.mkdir()
        first = build(repository.root, output, repository.epoch, 0o022)
        second = build(copy, again, repository.epoch, 0o077)
        for one, other in ((first.sdist, second.sdist), (first.wheel, second.wheel)):
            if one.name != other.name or one.read_bytes() != other.read_bytes():
                raise Refused(f"two builds of {one.name} differ: {_difference(one, other)}")
    return first


def _difference(one: Path, other: Path) -> str:
    """Return how two archives differ, in words."""
    if one.name != other.name:
        return f"the second is called {other.name}"
    before, after = members(one), members(other)
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return f"the members {_listed(names)}" if names else "their members are equal, but not their times, modes or order"


def members(archive: Path) -> dict[str, bytes]:
    """Return the files in an archive by name; of an sdist without its top folder.

    Raises:
        Refused: if a member is neither file nor folder, is duplicated, or is outside of the top folder.
    """
    found: dict[str, bytes] = {}
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names = [name for name in wheel.namelist() if not name.endswith("/")]
            found = {name: wheel.read(name) for name in names}
    else:
        names = []
        top = archive.name.removesuffix(".tar.gz") + "/"
        with tarfile.open(archive) as sdist:
            for member in sdist:
                stream = sdist.extractfile(member) if member.isfile() else None
                if member.isdir():
                    continue
                if stream is None or not member.name.startswith(top):
                    raise Refused(f"{archive.name}: {member.name} is not a file below {top}")
                names.append(member.name.removeprefix(top))
                found[names[-1]] = stream.read()
    if len(names) != len(found):
        raise Refused(f"{archive.name}: a member is duplicated")
    return found


@dataclass(frozen=True)
class Rule:
    """A line of contents.txt: a member, or with a trailing `**` all members below a folder.

    Attributes:
        member: the member of the archive.
        source: the file or folder of the repository that it comes from; `"built"` for files that the build writes;
            `"required"` for members that must exist even if their folder lacks them.
    """

    member: str
    source: str


def rules(text: str, kind: str, info: str, apis: Sequence[API] = ()) -> list[Rule]:
    """Return the rules of an archive.

    Args:
        text: the content of contents.txt.
        kind: `"sdist"` or `"wheel"`.
        info: the name of the wheel's metadata folder, `{info}` in the text.
        apis: the APIs whose values replace `{package}` and `{spec}`; such a line is one rule for each.

    Raises:
        Refused: if a line is not a rule.
    """
    found: list[Rule] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 3 or words[0] not in {"sdist", "wheel"}:
            raise Refused(f"{CONTENTS.name}:{number}: expected sdist or wheel, a member, and its source")
        if words[0] == kind:
            member = words[1].replace("{info}", info)
            members = [member.format(package=api.package, spec=api.spec) for api in apis] if "{" in member else [member]
            found += [Rule(each, words[2]) for each in members]
    return found


def problems(listed: Iterable[Rule], found: Mapping[str, bytes], root: Path, files: Iterable[Path]) -> list[str]:
    """Return which members are missing, extra, or not as in the repository, one line each.

    Args:
        listed: the rules of the archive.
        found: its members.
        root: the repository.
        files: the repository's files, relative to it.
    """
    names = [file.as_posix() for file in files]
    expected: dict[str, str | None] = {}
    missing: list[str] = []
    for rule in listed:
        if rule.source in {"built", "required"}:
            if rule.source == "built":
                expected[rule.member] = None
            if not any(fnmatchcase(name, rule.member) for name in found):
                missing.append(rule.member)
        elif rule.source.endswith("**"):
            start = rule.source.removesuffix("**")
            inside = [name for name in names if name.startswith(start)]
            expected |= {rule.member.removesuffix("**") + name.removeprefix(start): name for name in inside}
        else:
            # Several files by a pattern keep their names; one file may get another.
            matching = [name for name in names if fnmatchcase(name, rule.source) and name.count("/") == 0]
            alone = rule.source in names
            expected |= {rule.member: rule.source} if alone else {name: name for name in matching}
            if not alone and not matching:
                missing.append(rule.member)
    missing += [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    changed = [
        name
        for name, source in expected.items()
        if source is not None and name in found and found[name] != (root / source).read_bytes()
    ]
    return [
        f"{what}: {_listed(sorted(set(which)))}"
        for what, which in (("missing", missing), ("not on the list", extra), ("not as in the repository", changed))
        if which
    ]


def check_contents(repository: Repository, archives: Archives) -> None:
    """Compare both archives with contents.txt.

    Raises:
        Refused: if a member is missing, extra, or not as in the repository.
    """
    text, files = CONTENTS.read_text(encoding="utf-8"), repository.files()
    apis = read_registry(repository.root / REGISTRY)
    info = re.sub(r"-py3-none-any\.whl$", ".dist-info", archives.wheel.name)
    for kind, archive in (("sdist", archives.sdist), ("wheel", archives.wheel)):
        found = problems(rules(text, kind, info, apis), members(archive), repository.root, files)
        if found:
            raise Refused("\n  ".join([f"the contents of {archive.name} do not match {CONTENTS.name}:", *found]))


def check_metadata(archives: Archives) -> None:
    """Check the metadata of the archives with twine.

    Raises:
        Failed: if twine reports a problem.
    """
    command = python("-m", "twine", "check", "--strict", archives.sdist, archives.wheel)
    run(*command, cwd=archives.wheel.parent, environment=outside(NO_COLOR="1"))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
