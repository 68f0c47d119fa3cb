"""Uploads the files that a package index does not have yet, and verifies that it lists them."""

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
    """The package index of a release.

    Attributes:
        repository_url: the upload URL; None for twine's default.
        index_url: the simple index that lists the uploads.
    """

    repository_url: str | None
    index_url: str

    @property
    def name(self) -> str:
        """Its name in messages."""
        return self.repository_url or "twine's default repository"


def target(repository_url: str | None, index_url: str | None) -> Target:
    """Return the target of a release, from the options.

    Raises:
        Refused: if only one of the two is passed, or a password must not be sent to a URL.
    """
    if not repository_url and not index_url:
        from twine.repository import WAREHOUSE_WEB

        return Target(None, f"{WAREHOUSE_WEB}simple/")
    if not repository_url or not index_url:
        raise Refused("--repository-url and --index-url go together: one for uploads, the other lists them")
    for option, url in (("--repository-url", repository_url), ("--index-url", index_url)):
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise Refused(f"{option} contains credentials: pass them in TWINE_USERNAME and TWINE_PASSWORD")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Refused(f"{option}: expected a URL like https://index.example/simple/")
        if parts.hostname.rstrip(".") in _trusting_hosts():
            raise Refused(f"{option}: {parts.hostname} accepts uploads with trusted publishing only, by the workflow")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise Refused(f"{option}: http is only for this machine, not for {parts.hostname}; use https")
    return Target(repository_url, index_url.rstrip("/") + "/")


def _trusting_hosts() -> set[str | None]:
    """Return the hosts of twine's own repositories, which must not receive a password."""
    from twine import repository, utils

    own = (utils.DEFAULT_REPOSITORY, utils.TEST_REPOSITORY, repository.WAREHOUSE_WEB)
    return {urlsplit(url).hostname for url in own}


def check_publisher(where: Target, environment: Mapping[str, str]) -> None:
    """Check that uploads to the default repository use trusted publishing in GitHub Actions, and those to another one a
    user name and a password.

    Raises:
        Refused: if this is not such a job, or a password or token is set, which must not exist at all; or if there is
            none for another repository.
    """
    if where.repository_url is not None:
        lacking = [name for name in ("TWINE_USERNAME", "TWINE_PASSWORD") if not environment.get(name)]
        if lacking:
            raise Refused(f"{' and '.join(lacking)} must be set; an index that checks neither accepts any value")
        return
    if environment.get("GITHUB_ACTIONS") != "true" or not environment.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
        raise Refused(
            "twine's default repository accepts uploads with trusted publishing only: by the upload job of the release "
            "workflow, with the permission id-token: write. For another one: --repository-url and --index-url"
        )
    passed = [name for name in ("TWINE_PASSWORD", "TWINE_USERNAME") if environment.get(name)]
    if passed:
        raise Refused(f"{' and '.join(passed)} must not be set: trusted publishing needs none")


class _Links(HTMLParser):
    """Collects the files that a page of a simple index links to, with their SHA-256 or None."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add a link."""
        url = dict(attrs).get("href") if tag == "a" else None
        if url:
            parts = urlsplit(url)
            match = re.fullmatch(r"sha256=([0-9a-f]{64})", parts.fragment)
            self.found[unquote(parts.path.rpartition("/")[2])] = match[1] if match else None


def present(where: Target, name: str, version: str) -> dict[str, str | None]:
    """Return the files of a version on an index, with the SHA-256 of each (None if the index has none).

    Raises:
        Failed: if the index cannot be read.
    """
    url = f"{where.index_url}{name}/"
    try:
        # Straight from the index: a cache on the way may be outdated.
        headers = {"Accept": f"{JSON_FORM}, {HTML_FORMS}", "Cache-Control": "no-cache"}
        response = httpx.get(url, headers=headers, timeout=30, follow_redirects=True)
        if response.status_code == 404:
            return {}
        response.raise_for_status()
        if response.headers.get("Content-Type", "").startswith(JSON_FORM):
            files = {str(file["filename"]): file["hashes"].get("sha256") for file in response.json()["files"]}
        else:
            links = _Links()
            links.feed(response.text)
            files = links.found
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        raise Failed(f"the index cannot be read for {name}: {type(error).__name__}: {error}") from None
    of_version = re.compile(rf"{re.escape(name)}-{re.escape(version)}(?:-.*\.whl|\.tar\.gz|\.zip)", re.IGNORECASE)
    return {file: found for file, found in files.items() if of_version.fullmatch(file)}


def missing(built: list[Path], there: Mapping[str, str | None]) -> list[Path]:
    """Return the files of a build that must still be uploaded.

    Args:
        built: the distributions.
        there: the files of the version on the index.

    Raises:
        Refused: if the index has a file with other bytes, or one that was not built: the version is already
            released from another build.
    """
    names = {path.name for path in built}
    foreign = sorted(set(there) - names)
    if foreign:
        raise Refused(f"the index has {', '.join(foreign)}, not from this build: choose another version")
    for path in built:
        known = there.get(path.name)
        if path.name in there and known != digest(path):
            what = "without a hash" if known is None else "with other bytes"
            raise Refused(f"the index already has {path.name}, {what}: choose another version")
    return [path for path in built if path.name not in there]


def upload(where: Target, record: Record, folder: Path) -> None:
    """Upload the files that the index does not have yet, and wait until it lists all of them.

    Args:
        where: the target.
        record: the build.
        folder: its folder.

    Raises:
        Refused: if the index has the version with other bytes.
        Failed: if the upload fails, or the index does not list it in time.
    """
    check_publisher(where, os.environ)
    built = record.distributions(folder)
    waiting = missing(built, present(where, record.name, record.version))
    if not waiting:
        say(f"{record.name} {record.version} is already there, byte for byte: done")
        return
    for path in waiting:
        # One by one: after an interruption, uploaded files are not uploaded again.
        say(f"uploading {path.name} to {where.name}")
        run(*command(where, path), cwd=folder, environment=credentials(where, os.environ))
    deadline = time.monotonic() + ARRIVED_WITHIN
    while missing(built, present(where, record.name, record.version)):
        if time.monotonic() > deadline:
            raise Failed("uploaded, but the index does not list it yet: run this again later to verify")
        time.sleep(1)
    say(f"{record.name} {record.version} is released")


def command(where: Target, path: Path) -> tuple[str | Path, ...]:
    """Return the command that uploads a file."""
    url = ("--repository-url", where.repository_url) if where.repository_url else ()
    quiet = ("--non-interactive", "--disable-progress-bar", "--config-file", os.devnull)
    return (*python("-m", "twine", "upload", *quiet), *url, path)


def credentials(where: Target, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an upload, with user name and password, or with access to trusted publishing.

    No password comes from a keyring or a file, so that it is clear which one is used.
    """
    if where.repository_url is not None:
        wanted = {"TWINE_USERNAME", "TWINE_PASSWORD", "TWINE_CERT"}
    else:
        wanted = {"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}
    passed = {name: environment[name] for name in sorted(wanted) if name in environment}
    return outside(**passed, NO_COLOR="1", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
