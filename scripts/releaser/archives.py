"""Builds the sdist and the wheel twice, compares them, and checks metadata and contents."""

from __future__ import annotations

import hashlib
import platform
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from .process import Failed, Refused, outside, python, run
from .repository import Repository

# The wheel's top level has the content of these folders.
SOURCES = ("facade", "generated")
SHOWN = 20
TOOLS = ("build", "hatchling", "twine", "cyclonedx-bom", "check-sdist", "check-wheel-contents")


class Archives(NamedTuple):
    """A built version."""

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
    """Build in the tree, and again from a copy of its files in another folder with another umask; check both.

    Args:
        repository: the tree.
        output: an empty folder for the archives.

    Raises:
        Refused: if the two builds differ, so that they depend on something outside of the repository, or if the
            contents are wrong.
    """
    with tempfile.TemporaryDirectory(prefix="invigilate-build-") as scratch:
        copy, again = Path(scratch, "a copy"), Path(scratch, "again")
        for name in repository.files():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repository.root / name, copy / name)
        again.mkdir()
        # check-sdist asks git for the files; before the build, which leaves bytecode behind.
        for arguments in (("init", "--quiet"), ("add", "--all", "--force")):
            run("git", *arguments, cwd=copy)
        first = build(repository.root, output, repository.epoch, 0o022)
        second = build(copy, again, repository.epoch, 0o077)
        for one, other in zip(first, second, strict=True):
            if one.name != other.name or one.read_bytes() != other.read_bytes():
                raise Refused(f"two builds of {one.name} differ: {_difference(one, other)}")
        check(first, copy)
    return first


def _difference(one: Path, other: Path) -> str:
    """Return how two archives differ, in words."""
    before, after = members(one), members(other)
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return f"the members {', '.join(names[:SHOWN])}" if names else "their times, modes or order, not their members"


def members(archive: Path) -> dict[str, bytes]:
    """Return the files in an archive by name; of an sdist without its top folder.

    Raises:
        Refused: if a member is neither file nor folder, or is duplicated.
    """
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            pairs = [(name, wheel.read(name)) for name in wheel.namelist()]
    else:
        pairs = []
        with tarfile.open(archive) as sdist:
            for member in (member for member in sdist if not member.isdir()):
                stream = sdist.extractfile(member) if member.isfile() else None
                if stream is None:
                    raise Refused(f"{archive.name}: {member.name} is not a file")
                pairs.append((member.name.partition("/")[2], stream.read()))
    if len(pairs) != len(dict(pairs)):
        raise Refused(f"{archive.name}: a member is duplicated")
    return dict(pairs)


def check(archives: Archives, source: Path) -> None:
    """Check metadata and contents: with twine, check-sdist and check-wheel-contents, then what these leave out.

    Args:
        archives: the archives.
        source: a tree under git with the repository's files, and nothing else.

    Raises:
        Refused: if the index cannot render the description, or a member is missing, extra, or not as in the tree.
    """
    for what, command in (
        ("the metadata of the archives", ("twine", "check", "--strict", archives.sdist, archives.wheel)),
        (f"the contents of {archives.sdist.name}", ("check_sdist", "--no-isolation", "--installer", "pip")),
        (f"the contents of {archives.wheel.name}", ("check_wheel_contents", archives.wheel)),
    ):
        try:
            run(*python("-m", *command), cwd=source, environment=outside(NO_COLOR="1"))
        except Failed as error:
            raise Refused(f"{what}: {error}") from None
    for archive in archives:
        if found := problems(archive, source):
            raise Refused("\n  ".join([f"the contents of {archive.name}:", *found]))


def problems(archive: Path, source: Path) -> list[str]:
    """Return what check-sdist and check-wheel-contents do not find, one line each.

    Args:
        archive: an sdist or a wheel.
        source: the tree that it was built from.
    """
    found, is_wheel = members(archive), archive.suffix == ".whl"
    changed = [
        name
        for name, content in found.items()
        for path in (source / folder / name for folder in (SOURCES if is_wheel else (".",)))
        if path.is_file() and path.read_bytes() != content
    ]
    packages = [name.removesuffix("/__init__.py") for name in found if is_wheel and name.count("/") == 1]
    untyped = [name for name in packages if "/" not in name and f"{name}/py.typed" not in found]
    return [
        f"{what}: {', '.join(sorted(which)[:SHOWN])}"
        for what, which in (("not as in the repository", changed), ("without py.typed", untyped))
        if which
    ]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tools() -> dict[str, str]:
    """Return the versions of the build tools; zlib determines every compressed byte."""
    here = {"python": platform.python_version(), "zlib": getattr(zlib, "ZLIBNG_VERSION", zlib.ZLIB_RUNTIME_VERSION)}
    return here | {name: version(name) for name in TOOLS}
