"""The programs of the guides run as their readers would run them, with the tests that the guides show."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import duckdb
import pytest
import trustme

from invigilate import SmarterProctoring
from invigilate.sandbox import Sandbox, faults
from tests.docs.blocks import ROOT, Block, expected, read
from tests.support.recorder import Answer, Recorder

# The files of each guide, and those that it takes from another one.
GUIDES = {
    "fastapi.md": {"bookings.py", "app.py", "test_app.py"},
    "celery-and-lambda.md": {"tasks.py", "test_tasks.py", "handler.py", "test_handler.py"},
    "proxies-and-certificates.md": {"own_authority.py", "both_authorities.py", "client_certificate.py"},
    "warehouse.md": {"nightly.py"},
    "own-api.md": {"read_book.py"},
}
SHARED = {"celery-and-lambda.md": ("fastapi.md", "bookings.py")}

each_guide = pytest.mark.parametrize("guide", GUIDES)
each_guide_with_tests = pytest.mark.parametrize(
    "guide", [guide for guide, files in GUIDES.items() if any(name.startswith("test_") for name in files)]
)


def write_files(folder: Path, guide: str) -> set[str]:
    """Write the blocks that are files, and return the names of the guide's own."""
    own = {str(block.file_name): block for block in read(ROOT / "docs" / guide) if block.file_name}
    files = dict(own)
    if guide in SHARED:
        page, name = SHARED[guide]
        files |= {name: next(block for block in read(ROOT / "docs" / page) if block.file_name == name)}
    for name, block in files.items():
        (folder / name).write_text(block.text, encoding="utf-8")
    return set(own)


def environment(**settings: str) -> dict[str, str]:
    """The environment without the settings of this process, which the programs would read."""
    others = {
        name: value for name, value in os.environ.items() if not name.startswith(("SMARTERPROCTORING", "ISPRING"))
    }
    return {**others, **settings}


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return execute(folder, sys.executable, *arguments, **settings)


def execute(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )


@contextmanager
def started(folder: Path, program: str, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A program that runs until the block ends, and then ends by itself when it is asked to."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "nothing happened in time"
        time.sleep(0.05)


@each_guide_with_tests
def test_the_programs_of_a_guide_pass_its_tests(guide: str, tmp_path: Path) -> None:
    assert write_files(tmp_path, guide) == GUIDES[guide]
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir=.")
    assert done.returncode == 0, done.stdout + done.stderr
    tests = sum(path.read_text(encoding="utf-8").count("\ndef test_") for path in tmp_path.glob("test_*.py"))
    passed = re.search(r"(\d+) passed in", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= tests > 0


@each_guide
def test_the_programs_of_a_guide_pass_the_linter(guide: str, tmp_path: Path) -> None:
    write_files(tmp_path, guide)
    config = ["--config", str(ROOT / "pyproject.toml"), "--ignore", "D1,ASYNC,RUF100", "--no-cache"]
    for command in (["check", *config], ["format", "--check", *config[:2], "--no-cache"]):
        done = run(tmp_path, "-m", "ruff", *command, ".")
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_app_of_fastapi_passes_the_strict_type_checker(tmp_path: Path) -> None:
    names = write_files(tmp_path, "fastapi.md")
    done = run(ROOT, "-m", "mypy", "--strict", *(str(tmp_path / name) for name in sorted(names)))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program", sorted(GUIDES["proxies-and-certificates.md"]))
def test_programs_that_trust_a_certificate_authority(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, "proxies-and-certificates.md")
    authority, other = trustme.CA(), trustme.CA()
    client = authority.issue_cert("client@example.com")
    client.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    for part in client.cert_chain_pems:
        part.write_to_path(str(tmp_path / "client.pem"), append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if program == "client_certificate.py":
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    install = "AI" + "1a" * 16
    with Recorder(lambda request: Answer.of_json({"sid": install}), context) as server:
        settings = {"TOKEN": "example", "INSTALL_SID": install, "BASE_URL": server.url}
        variables = {f"SMARTERPROCTORING_{name}": value for name, value in settings.items()}
        authority.cert_pem.write_to_path(str(tmp_path / "corporate-ca.pem"))
        done = run(tmp_path, program, **variables)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{install}\n", "")
        other.cert_pem.write_to_path(str(tmp_path / "corporate-ca.pem"))
        refused = run(tmp_path, program, **variables)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "the certificate is not accepted" in refused.stderr
        if program == "client_certificate.py":
            # The trust alone is not enough for this server.
            authority.cert_pem.write_to_path(str(tmp_path / "corporate-ca.pem"))
            assert run(tmp_path, "own_authority.py", **variables).returncode == 1


def test_the_app_of_the_guide_starts_with_uvicorn(tmp_path: Path) -> None:
    write_files(tmp_path, "fastapi.md")
    program = (
        "import socket, sys, uvicorn\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "uvicorn.Server(uvicorn.Config('app:app')).run([listener])\n"
    )
    with Sandbox() as sandbox:
        sandbox.faults.add("scheduleExamSession", faults.drop_response())
        with started(tmp_path, program, **sandbox.environment, PYTHONPATH=".") as server:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            url += f"/exams/{sandbox.exam_sid}/sessions/{sandbox.session_sid}/booking"
            order = {"when": "2026-12-07T14:30:00Z", "amount": "25", "currency": "USD", "card_token": "tok_visa"}
            for state in ("unknown", "booked"):
                sending = Request(url, json.dumps(order).encode(), {"Content-Type": "application/json"})
                with urlopen(sending, timeout=30) as response:
                    assert json.loads(response.read())["state"] == state
        assert len(sandbox.ledger) == 1


def test_two_worker_processes_of_celery_book_once(tmp_path: Path) -> None:
    """Prefork, as in production: the tasks and the client are those of the guide, the broker is a folder."""
    write_files(tmp_path, "celery-and-lambda.md")
    (tmp_path / "results").mkdir()
    (tmp_path / "queue").mkdir()
    setup = (
        "import tasks\n"
        "folders = dict.fromkeys(['data_folder_in', 'data_folder_out'], 'queue')\n"
        "tasks.app.conf.broker_transport_options = {**folders, 'control_folder': 'control'}\n"
    )
    worker = f"{setup}tasks.app.worker_main(['worker', '--pool=prefork', '--concurrency=2', '--loglevel=warning'])"
    book_twice = (
        f"import sys\n{setup}"
        "results = [tasks.book.delay(*sys.argv[1:], '2026-12-07T14:30:00Z') for _ in range(2)]\n"
        "print(sorted(each.get(timeout=60) for each in results))\n"
    )
    with Sandbox() as sandbox:
        sandbox.faults.add("scheduleExamSession", faults.drop_response())
        settings = {
            **sandbox.environment,
            "BROKER_URL": "filesystem://",
            "RESULT_BACKEND": f"file://{tmp_path}/results",
            "PYTHONPATH": ".",
        }
        with started(tmp_path, worker, **settings):
            with started(tmp_path, book_twice, sandbox.exam_sid, sandbox.session_sid, **settings) as caller:
                printed, _ = caller.communicate(timeout=60)
            assert printed.splitlines()[-1] == "['booked or sending already', 'unknown']"
            until(lambda: sandbox.requests[-1].operation_id == "getExamSession")
        assert sum(request.operation_id == "scheduleExamSession" for request in sandbox.requests) == 1


def test_the_nightly_load_adds_what_is_new_and_reports_failures(tmp_path: Path) -> None:
    """By the line of the crontab, which shows the end of the log only if the load failed."""
    write_files(tmp_path, "warehouse.md")
    crontab = next(block for block in read(ROOT / "docs" / "warehouse.md") if block.text.startswith("MAILTO="))
    command = crontab.text.splitlines()[1].split(maxsplit=5)[5]
    command = command.replace("/srv/nightly", str(tmp_path)).replace(".venv/bin/python", sys.executable)
    assert command.count(sys.executable) == command.count(str(tmp_path)) == 1

    def load() -> str:
        done = shell(tmp_path, command, **sandbox.environment)
        assert done.stderr == ""
        return done.stdout

    with Sandbox() as sandbox:
        installs = [sandbox.install_sid, sandbox.other_install_sid]
        settings = {"SMARTERPROCTORING_TOKEN": sandbox.token, "INSTALLS": ",".join(installs)}
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        (tmp_path / "nightly.env").write_text(lines, encoding="utf-8")
        assert load() == ""
        rows = count(tmp_path / "warehouse.duckdb")
        assert rows > 100
        soon = datetime.now(UTC) + timedelta(days=14)
        with SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client:
            client.exam_sessions.schedule(
                exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, appointment_date_time=soon
            )
        assert load() == ""
        rows += 1
        assert count(tmp_path / "warehouse.duckdb") == rows
        sandbox.faults.add("getServiceDistribution", faults.status(status=403))
        assert "403" in load()
        assert count(tmp_path / "warehouse.duckdb") == rows


def count(warehouse: Path) -> int:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        ((rows,),) = connection.sql("select count(*) from learning.service_distribution").fetchall()
    return int(rows)


def test_the_commands_of_curl_get_a_token_and_call(tmp_path: Path) -> None:
    blocks = [block for block in read(ROOT / "docs" / "credentials.md") if block.language == "bash"]
    assert len(blocks) == 2
    with Sandbox() as sandbox:
        for block in blocks:
            done = shell(tmp_path, block.text, **sandbox.environment)
            assert (done.returncode, done.stdout, done.stderr) == (0, shown_after(block), ""), str(block)
        paths = [request.path for request in sandbox.requests]
    assert [path.rpartition("/")[2] for path in paths] == ["settings", "token", "department"]


def test_a_client_for_an_api_of_ones_own(tmp_path: Path) -> None:
    write_files(tmp_path, "own-api.md")
    blocks = read(ROOT / "docs" / "own-api.md")
    for language, name in (("yaml", "library.yaml"), ("toml", "more.toml")):
        (block,) = (block for block in blocks if block.language == language)
        (tmp_path / name).write_text(block.text, encoding="utf-8")
    generate, call = (block for block in blocks if block.language == "bash")
    done = shell(tmp_path, generate.text, INVIGILATE=str(ROOT))
    assert (done.returncode, done.stdout) == (0, shown_after(generate)), done.stderr
    serve = "import sys; from invigilate.sandbox.__main__ import main; main(sys.argv[1:])"
    with started(tmp_path, serve, "--apis", "more.toml", "--json", PYTHONPATH="src") as server:
        assert server.stdout is not None
        variables = json.loads(server.stdout.readline())["environment"]
        done = shell(tmp_path, call.text, **variables, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert (done.returncode, done.stdout) == (0, shown_after(call)), done.stderr


def shell(folder: Path, script: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return execute(folder, "bash", "-euo", "pipefail", "-c", script, **settings)


def shown_after(block: Block) -> str:
    """The output that the page shows."""
    blocks = read(block.page)
    return expected(next(each for each in blocks if each.line == block.line), blocks)
