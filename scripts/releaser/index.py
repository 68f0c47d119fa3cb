"""Uploads what was built to a package index, what is not there yet, and makes sure that it arrived."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from .process import Failed, Refused, outside, python, run, say
from .record import Record, digest

JSON_FORM = "application/vnd.pypi.simple.v1+json"
HTML_FORMS = "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
ARRIVED_WITHIN = 120.0


@dataclass(frozen=True)
class Target:
    """Where a release goes.

    Attributes:
        repository_url: where twine uploads to; None for its default.
        index_url: the simple index in which the upload shows.
    """

    repository_url: str | None
    index_url: str

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return self.repository_url or "twine's default repository"


def target(repository_url: str | None, index_url: str | None) -> Target:
    """The target of a release, from the options.

    Raises:
        Refused: if one of the two is given without the other, or an address is none to send a password to.
    """
    if not repository_url and not index_url:
        from twine.repository import WAREHOUSE_WEB

        return Target(None, f"{WAREHOUSE_WEB}simple/")
    if not repository_url or not index_url:
        raise Refused("--repository-url and --index-url go together: where to upload, and where to see what is there")
    for option, url in (("--repository-url", repository_url), ("--index-url", index_url)):
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise Refused(f"{option} holds credentials: give them in TWINE_USERNAME and TWINE_PASSWORD")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Refused(f"{option}: an address like https://index.example/simple/ was expected")
        if parts.hostname.rstrip(".") in _trusting_hosts():
            raise Refused(f"{option}: {parts.hostname} is uploaded to with trusted publishing only, as the default")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise Refused(f"{option}: http is for this machine alone, and {parts.hostname} is another one; use https")
    return Target(repository_url, index_url.rstrip("/") + "/")


def _trusting_hosts() -> set[str | None]:
    """The hosts of twine's own repositories, which need no password and shall be given none."""
    from twine import repository, utils

    own = (utils.DEFAULT_REPOSITORY, utils.TEST_REPOSITORY, repository.WAREHOUSE_WEB)
    return {urlsplit(url).hostname for url in own}


def check_publisher(where: Target, environment: Mapping[str, str]) -> None:
    """Make sure that the default repository is only uploaded to with trusted publishing, in GitHub Actions, and another
    one with a name and a password.

    Raises:
        Refused: if this is no such job, or a password or token is around, which must not exist at all; or if there is
            none for another repository.
    """
    if where.repository_url is not None:
        lacking = [name for name in ("TWINE_USERNAME", "TWINE_PASSWORD") if not environment.get(name)]
        if lacking:
            raise Refused(f"{' and '.join(lacking)} must be set; an index that asks for neither takes any")
        return
    if environment.get("GITHUB_ACTIONS") != "true" or not environment.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
        raise Refused(
            "twine's default repository is uploaded to with trusted publishing only: by the upload job of the release "
            "workflow, with the permission id-token: write. Another repository: --repository-url and --index-url"
        )
    given = [name for name in ("TWINE_PASSWORD", "TWINE_USERNAME") if environment.get(name)]
    if given:
        raise Refused(f"{' and '.join(given)} must not be set: trusted publishing needs none")


class _Links(HTMLParser):
    """Gathers the links of a page of a simple index: name of the file -> SHA-256 or None."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a link."""
        address = dict(attrs).get("href") if tag == "a" else None
        if address:
            parts = urlsplit(address)
            match = re.fullmatch(r"sha256=([0-9a-f]{64})", parts.fragment)
            self.found[unquote(parts.path.rpartition("/")[2])] = match[1] if match else None


def present(where: Target, name: str, version: str) -> dict[str, str | None]:
    """The files of a version that an index has, with the SHA-256 of each (None where the index does not say).

    Raises:
        Failed: if the index cannot be asked, or answers with something else.
    """
    url = f"{where.index_url}{name}/"
    try:
        # Straight from the index: what a cache on the way holds may be older.
        headers = {"Accept": f"{JSON_FORM}, {HTML_FORMS}", "Cache-Control": "no-cache"}
        answer = httpx.get(url, headers=headers, timeout=30, follow_redirects=True)
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
        if answer.headers.get("Content-Type", "").startswith(JSON_FORM):
            files = {str(file["filename"]): file["hashes"].get("sha256") for file in answer.json()["files"]}
        else:
            links = _Links()
            links.feed(answer.text)
            files = links.found
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        raise Failed(f"the index cannot be asked what it has of {name}: {type(error).__name__}: {error}") from None
    of_version = re.compile(rf"{re.escape(name)}-{re.escape(version)}(?:-.*\.whl|\.tar\.gz|\.zip)", re.IGNORECASE)
    return {file: found for file, found in files.items() if of_version.fullmatch(file)}


def missing(built: list[Path], there: Mapping[str, str | None]) -> list[Path]:
    """What of a build has still to be uploaded.

    Args:
        built: the distributions.
        there: what the index has of the version.

    Raises:
        Refused: if the index has other bytes under one of the names, or a file that was not built: the version is
            released, and not as this.
    """
    names = {path.name for path in built}
    foreign = sorted(set(there) - names)
    if foreign:
        raise Refused(f"the index has {', '.join(foreign)}, which this build did not make: choose another version")
    for path in built:
        known = there.get(path.name)
        if path.name in there and known != digest(path):
            what = "without saying its hash" if known is None else "with other bytes"
            raise Refused(f"the index has {path.name} already, {what}: choose another version")
    return [path for path in built if path.name not in there]


def upload(where: Target, record: Record, folder: Path) -> None:
    """Upload what the index does not have yet, and wait until it shows all of it.

    Args:
        where: the target.
        record: what was built.
        folder: where it is.

    Raises:
        Refused: if the version is there with other bytes.
        Failed: if the upload fails, or does not show in the index in time.
    """
    check_publisher(where, os.environ)
    built = record.distributions(folder)
    waiting = missing(built, present(where, record.name, record.version))
    if not waiting:
        say(f"{record.name} {record.version} is there already, byte for byte: done")
        return
    for path in waiting:
        # One by one: each file that arrived is one less if this is interrupted.
        say(f"uploading {path.name} to {where.name}")
        run(*command(where, path), cwd=folder, environment=credentials(where, os.environ))
    deadline = time.monotonic() + ARRIVED_WITHIN
    while missing(built, present(where, record.name, record.version)):
        if time.monotonic() > deadline:
            raise Failed("uploaded, but the index does not show it yet: run this again later to make sure")
        time.sleep(1)
    say(f"{record.name} {record.version} is released")


def command(where: Target, path: Path) -> tuple[str | Path, ...]:
    """The command that uploads a file."""
    address = ("--repository-url", where.repository_url) if where.repository_url else ()
    quiet = ("--non-interactive", "--disable-progress-bar", "--config-file", os.devnull)
    return (*python("-m", "twine", "upload", *quiet), *address, path)


def credentials(where: Target, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment to upload in: a name and password for a repository of one's own, else the right to ask for one.

    No password comes from a keyring or a file, so that it is plain which one is used.
    """
    if where.repository_url is not None:
        wanted = {"TWINE_USERNAME", "TWINE_PASSWORD", "TWINE_CERT"}
    else:
        wanted = {"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}
    given = {name: environment[name] for name in sorted(wanted) if name in environment}
    return outside(**given, NO_COLOR="1", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
