"""The mock server and the recorder that other tests rely on."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import trustme

from tests.support import prism as prism_module
from tests.support.prism import Prism, PrismError
from tests.support.recorder import Answer, Answerer, RecordedRequest, Recorder

SPEC = """
openapi: 3.1.0
info: {title: Tiny, version: "1"}
paths:
  /things/{id}:
    put:
      parameters:
        - {name: id, in: path, required: true, schema: {type: string, pattern: "^t[0-9]+$"}}
        - {name: kind, in: query, schema: {type: array, items: {type: string}}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [name], properties: {name: {type: string}}}
      responses:
        "200":
          description: ok
          content: {application/json: {schema: {type: object}, example: {id: t1}}}
"""

Wire = Callable[[str | Answerer], Recorder]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, prism: Callable[[Path], Prism]) -> Prism:
    spec = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    spec.write_text(textwrap.dedent(SPEC))
    return prism(spec)


def echo(request: RecordedRequest) -> Answer:
    return Answer.of_json({"method": request.method, "target": request.target})


def test_prism_answers_what_the_spec_allows(tiny: Prism) -> None:
    answer = httpx.put(f"{tiny.url}/things/t1", json={"name": "a"})
    assert (answer.status_code, answer.json()) == (200, {"id": "t1"})


def test_prism_refuses_what_the_spec_does_not_allow(tiny: Prism) -> None:
    assert httpx.put(f"{tiny.url}/things/t1", json={}).status_code == 422
    assert httpx.put(f"{tiny.url}/things/x", json={"name": "a"}).status_code == 422
    assert "name" in tiny.output()


def test_prism_is_started_once_per_spec(tiny: Prism, prism: Callable[[Path], Prism]) -> None:
    assert prism(tiny.spec) is tiny


def test_prism_that_cannot_start_says_why(tmp_path: Path) -> None:
    spec = tmp_path / "broken.yaml"
    spec.write_text("openapi: [")
    with pytest.raises(PrismError, match="ended at once"), Prism(spec):
        pass


def test_prism_that_is_not_installed_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prism_module, "PRISM", tmp_path / "prism")
    with pytest.raises(PrismError, match=r"run \./scripts/bootstrap --node"):
        Prism(tmp_path / "any.yaml").start()


def test_prism_leaves_no_process(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC)
    with Prism(spec) as server:
        url = server.url
        assert httpx.get(url).status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_forwards_to_prism_and_records_the_wire(tiny: Prism, wire: Wire) -> None:
    recorder = wire(tiny.url)
    answer = httpx.put(
        f"{recorder.url}/things/t1?kind=a%2Cb&kind=c&kind=",
        content=b'{"name": "\xc3\xa9"}',
        headers={"Content-Type": "application/json", "X-Some": "1"},
    )
    assert (answer.status_code, answer.json()) == (200, {"id": "t1"})
    request = recorder.only()
    assert (request.method, request.path) == ("PUT", "/things/t1")
    assert request.query == "kind=a%2Cb&kind=c&kind="
    assert request.query_pairs == [("kind", "a,b"), ("kind", "c"), ("kind", "")]
    assert request.body == b'{"name": "\xc3\xa9"}'
    assert request.json() == {"name": "é"}
    assert request.header("x-some") == "1"
    assert request.header("x-other") is None
    assert recorder.statuses == [200]


def test_the_target_is_kept_as_it_was_sent(wire: Wire) -> None:
    recorder = wire(echo)
    connection = http.client.HTTPConnection(recorder.url.removeprefix("http://"))
    for target in ("//a//b/%2e%2E/c?x=%20", "/../up", "*"):
        connection.request("OPTIONS", target)
        assert connection.getresponse().read()
    connection.close()
    assert [each.target for each in recorder.requests] == ["//a//b/%2e%2E/c?x=%20", "/../up", "*"]
    assert recorder.requests[0].path == "//a//b/%2e%2E/c"


def test_bodies_with_and_without_a_length(wire: Wire) -> None:
    server = wire(lambda request: Answer(201, request.body))
    recorder = wire(f"{server.url}/prefix/")
    with httpx.Client(base_url=recorder.url) as client:
        chunked = client.post("/a", content=iter([b"one", b"two"]))
        assert (chunked.status_code, chunked.content) == (201, b"onetwo")
        assert client.request("DELETE", "/a", content=b"body").content == b"body"
        assert client.post("/a", content=b"").content == b""
        assert client.head("/a").content == b""
    assert [each.target for each in server.requests] == ["/prefix/a"] * 4
    assert [each.body for each in recorder.requests] == [b"onetwo", b"body", b"", b""]
    assert recorder.requests[2].header("content-length") == "0"
    assert server.requests[2].header("content-length") == "0"


def test_counts_connections(wire: Wire) -> None:
    recorder = wire(echo)
    with httpx.Client() as client:
        for _ in range(3):
            client.get(recorder.url)
    assert (len(recorder.requests), recorder.connections) == (3, 1)
    recorder.clear()
    with pytest.raises(AssertionError, match="recorded 0"):
        recorder.only()


def test_serves_as_a_plain_proxy(wire: Wire) -> None:
    server = wire(echo)
    proxy = wire(server.url)
    with httpx.Client(proxy=proxy.url) as client:
        answer = client.get("http://somewhere.test/a//b?c=d")
    assert answer.json() == {"method": "GET", "target": "/a//b?c=d"}
    assert proxy.only().target == "http://somewhere.test/a//b?c=d"
    assert proxy.only().path == "/a//b"


def test_an_upstream_that_is_gone_is_a_plain_failure(wire: Wire) -> None:
    with Recorder(echo) as gone:
        url = gone.url
    recorder = wire(url)
    answer = httpx.get(recorder.url)
    assert answer.status_code == 500
    assert "ConnectionRefusedError" in answer.text


def test_speaks_https_with_a_private_authority() -> None:
    authority = trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    with Recorder(echo, tls=server_side) as recorder:
        assert httpx.get(recorder.url, verify=client_side).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(recorder.url)
        assert len(recorder.requests) == 1


def test_closing_drops_connections_that_are_held() -> None:
    with httpx.Client() as client:
        with Recorder(echo) as recorder:
            client.get(recorder.url)
            started = time.monotonic()
        assert time.monotonic() - started < 2
        with pytest.raises(httpx.TransportError):
            client.get(recorder.url)


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_async_tests_run_on_both_backends(anyio_backend: str, wire: Wire) -> None:
    recorder = wire(echo)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{recorder.url}/{anyio_backend}")
    assert answer.json()["target"] == f"/{anyio_backend}"


def inside(folder: Path, text: str, *options: str, before: Callable[[], None] | None = None) -> str:
    """What pytest prints of tests that are written into a folder, when all of them pass."""
    (folder / "test_inside.py").write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, *options, folder],
        cwd=Path(__file__).resolve().parents[2],
        preexec_fn=before,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_signals_that_this_run_ignores_end_the_programs_of_tests(tmp_path: Path) -> None:
    """As under nohup, and in the background of a script. Without the fixture, the child outlives the signal."""

    def ignore() -> None:
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    printed = inside(
        tmp_path,
        """
        import signal, subprocess, sys
        import pytest
        from tests.conftest import usual_signals

        @pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
        def test_it(number):
            with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], stderr=-3) as child:
                child.send_signal(number)
            assert child.returncode == -number
        """,
        before=ignore,
    )
    assert "2 passed" in printed


def test_a_test_that_measures_time_runs_alone(tmp_path: Path) -> None:
    printed = inside(
        tmp_path,
        """
        import json, pathlib, time
        import pytest
        from tests.conftest import undisturbed

        @pytest.mark.parametrize("name", range(20))
        def test_it(name):
            run(name)

        @pytest.mark.alone
        @pytest.mark.parametrize("name", "abc")
        def test_alone(name):
            run(name)

        def run(name):
            began = time.monotonic()
            time.sleep(0.03)
            text = json.dumps([name, began, time.monotonic()])
            pathlib.Path(__file__).with_name(f"{name}.json").write_text(text)
        """,
        *("--numprocesses", "2"),
    )
    assert "23 passed" in printed
    ran = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    overlapping = [
        (one, other)
        for index, (one, began, ended) in enumerate(ran)
        for other, start, end in ran[:index]
        if began < end and start < ended
    ]
    assert overlapping, "nothing ran side by side"
    assert not [pair for pair in overlapping if any(isinstance(name, str) for name in pair)]
