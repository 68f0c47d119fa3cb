"""The API explorer: in a real browser, and what it and the sandbox refuse."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from invigilate.sandbox import Sandbox, faults
from invigilate.sandbox.__main__ import main
from invigilate.sandbox.documents import Document, walk
from invigilate.sandbox.examples import build
from invigilate.sandbox.explorer import __file__ as explorer_module
from tests.support.browser import DeadProxy, find_browser

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = REPOSITORY / "scripts" / "node" / "node_modules"
VENDORED = Path(explorer_module).parent / "swagger-ui"
ALLOW = "Access-Control-Allow-Origin"
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (401|403|503) ")
REPORT = "/v1/installs/{}/reports/serviceDistribution"


def package(name: str) -> Path:
    """The folder of an npm package; without it the test fails with `CI=true`, and is left out elsewhere."""
    if not (PACKAGES / name).is_dir():
        missing = f"{name} is not installed; ./scripts/bootstrap --node installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return PACKAGES / name


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def shared(self) -> dict[str, str]:
        """The CORS headers."""
        return {name: value for name, value in self.headers.items() if name.startswith("Access-Control-")}


def send(url: str, method: str = "GET", body: bytes | None = None, /, **headers: str) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    reply = Reply(response.status, dict(response.getheaders()), response.read())
    connection.close()
    return reply


@pytest.fixture(scope="module")
def module_sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, docs=True) as sandbox:
        yield sandbox
        assert list(sandbox.defects) == []


@pytest.fixture
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    module_sandbox.reset()
    return module_sandbox


@pytest.fixture(scope="module")
def proxy() -> Iterator[DeadProxy]:
    with DeadProxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def browser(proxy: DeadProxy) -> Iterator[Browser]:
    executable = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"], proxy={"server": proxy.url, "bypass": "127.0.0.1"}
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, sandbox: Sandbox, proxy: DeadProxy) -> Iterator[Page]:
    """The explorer, which must not complain, and must not request anything elsewhere."""
    complaints: list[str] = []
    requested: set[str] = set()
    page = browser.new_page(viewport={"width": 1280, "height": 900})

    def note(message: ConsoleMessage) -> None:
        # The browser notes each response of an API that is an error.
        if not REFUSED.match(message.text):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requested.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url))))
    page.goto(str(sandbox.docs_url))
    page.locator(".opblock-tag").first.wait_for()
    yield page
    page.close()
    assert complaints == []
    assert requested <= {str(sandbox.docs_url).rstrip("/"), *sandbox.base_urls.values()}
    assert proxy.addresses == []


def execute(page: Page, tag: str, operation: str) -> tuple[int, Any]:
    """Open an operation and execute it without typing anything; the status and the body that are shown."""
    page.locator(f"#operations-tag-{tag}").click()
    block = page.locator(f"#operations-{tag}-{operation}")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Execute").click()
    row = block.locator(".live-responses-table .response")
    status = row.locator(".response-col_status").inner_text()
    return int(status.split()[0]), json.loads(row.locator(".highlight-code code").first.inner_text())


def test_a_read_is_executed_as_it_is_shown(page: Page, sandbox: Sandbox) -> None:
    status, body = execute(page, "reports", "getServiceDistribution")
    assert status == 200
    assert (len(body["results"]), body["total"]) == (12, 12)
    assert page.get_by_text("-H 'token: eyJ").is_visible()
    assert [(each.method, each.status) for each in sandbox.requests] == [("OPTIONS", 204), ("GET", 200)]
    assert sandbox.requests[1].query == ""


def test_a_booking_is_executed_as_it_is_shown(page: Page, sandbox: Sandbox) -> None:
    status, body = execute(page, "exam_sessions", "scheduleExamSession")
    assert (status, body["status"]) == (200, "Scheduled")
    (charge,) = sandbox.ledger
    assert charge.install_sid == sandbox.example_install_sid


def test_the_other_api(page: Page, sandbox: Sandbox) -> None:
    page.get_by_role("link", name="iSpring Learn").click()
    status, body = execute(page, "departments", "listDepartments")
    assert status == 200
    assert "Head Office" in {each["name"] for each in body["departments"]}
    # The access token of the page is replaced when it is no longer valid.
    sandbox.revoke_tokens()
    status, body = execute(page, "job_training", "listSessionResults")
    assert status == 200
    assert page.get_by_role("link", name="iSpring Learn").get_attribute("aria-current") == "page"
    status, body = execute(page, "access_tokens", "createAccessToken")
    assert (status, body["token_type"]) == (200, "bearer")


def test_credentials_that_were_typed_stay(page: Page) -> None:
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_role("button", name="Remove authorization").click()
    dialog.locator("input").fill("wrong")
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()
    status, body = execute(page, "reports", "getServiceDistribution")
    assert (status, body["code"]) == (403, "AUTHENTICATIONFAILED")


def test_errors_of_faults_are_shown(page: Page, sandbox: Sandbox) -> None:
    sandbox.faults.add("getServiceDistribution", faults.status(status=503))
    assert execute(page, "reports", "getServiceDistribution")[0] == 503


@pytest.mark.parametrize("width", [360, 1280])
def test_the_header_is_accessible(page: Page, width: int) -> None:
    axe = package("axe-core") / "axe.min.js"
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run('header')")
    assert [each["id"] for each in found["violations"]] == []
    assert {"color-contrast", "link-name"} <= {each["id"] for each in found["passes"]}
    assert page.locator("header").evaluate("each => each.scrollWidth <= each.clientWidth")


def test_without_a_sandbox_the_page_says_so(browser: Browser) -> None:
    with Sandbox(docs=True) as sandbox:
        page = browser.new_page()
        page.route("**/settings.json", lambda route: route.abort())
        page.goto(str(sandbox.docs_url))
        assert page.get_by_text("Is the sandbox still running?").is_visible()
        page.close()


# What a request rests on that no page fills in: a booked session, a task, a registered subscriber, a content type.
LATER = {
    "rescheduleExamSession", "cancelExamSession", "getOnboardingUrl", "createContent", "getTaskStatus",
    "sendWebhookCode", "confirmWebhook", "subscribeWebhook", "unsubscribeWebhook", "listSubscriptions",
    "getSubscriber", "updateWebhookSettings", "enableWebhook", "disableWebhook", "removeWebhook",
}  # fmt: skip


def test_every_operation_can_be_executed_without_typing(sandbox: Sandbox) -> None:
    """What the specs fill in is sent here as Swagger UI does, in the initial state each time."""
    done, refused = 0, set()
    for number, api in enumerate(json.loads(send(f"{sandbox.docs_url}settings.json").body)["apis"]):
        spec = json.loads(send(f"{sandbox.docs_url}specs/{api['key']}.json").body)
        document = Document(api["key"], spec, ())
        assert spec["servers"][0]["url"] == api["url"] == sandbox.base_urls[api["key"]]
        assert [each for name, each in walk(spec) if name == "$ref" and not str(each).startswith("#/")] == []
        for template, item in spec["paths"].items():
            for method in item.keys() & {"get", "post", "put", "delete", "patch"}:
                sandbox.reset()
                settings = json.loads(send(f"{sandbox.docs_url}settings.json").body)["apis"][number]
                path, query, operation = template, [], item[method]
                for node in [*operation.get("parameters", ()), *item.get("parameters", ())]:
                    parameter = document.resolve(node)
                    assert ("example" in parameter) == parameter.get("required", False)
                    value = parameter.get("example")
                    if parameter["in"] == "path":
                        path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
                    elif parameter["in"] == "query" and value is not None:
                        query += [(parameter["name"], each) for each in (value if isinstance(value, list) else [value])]
                body, content_type = None, "application/json"
                if "requestBody" in operation:
                    ((content_type, media),) = document.resolve(operation["requestBody"])["content"].items()
                    if content_type == "application/json":
                        body = json.dumps(media["example"]).encode()
                    else:
                        fields = document.resolve(media["schema"])["properties"]
                        body = urlencode({name: build(document, each) for name, each in fields.items()}).encode()
                (scheme,) = spec["components"]["securitySchemes"].values()
                (credentials,) = settings["credentials"].values()
                sent = {"Content_Type": content_type}
                sent |= (
                    {"token": credentials} if scheme["type"] == "apiKey" else {"Authorization": f"Bearer {credentials}"}
                )
                status = send(f"{api['url']}{path}?{urlencode(query)}", method.upper(), body, **sent).status
                done += 1
                if status >= 300:
                    refused.add(operation["operationId"])
    assert refused == LATER
    assert done > 150


FOREIGN = ["null", "https://elsewhere.example.com", "http://127.0.0.1:1", "http://localhost:{port}"]


@pytest.mark.parametrize("origin", FOREIGN)
def test_other_origins_are_refused(sandbox: Sandbox, origin: str) -> None:
    origin = origin.format(port=urlsplit(str(sandbox.docs_url)).port)
    url = sandbox.smarterproctoring_url + REPORT.format(sandbox.install_sid)
    preflight = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "token"}
    for reply in (
        send(url, Origin=origin, token=sandbox.token),
        send(url, "OPTIONS", Origin=origin, **preflight),
        send(f"{sandbox.docs_url}settings.json", Origin=origin),
        send(sandbox.control_url, Origin=origin),
    ):
        assert (reply.status, reply.shared) == (403, {})


def test_the_origin_of_the_explorer_is_allowed(sandbox: Sandbox) -> None:
    origin = str(sandbox.docs_url).rstrip("/")
    url = sandbox.smarterproctoring_url + REPORT.format(sandbox.install_sid)
    expected = {ALLOW: origin, "Access-Control-Expose-Headers": "*"}
    for reply, status in (
        (send(url, Origin=origin, token=sandbox.token), 200),
        (send(url, Origin=origin), 403),
        (send(sandbox.ispring_url + "/none", Origin=origin), 404),
        (send(url, "POST", b"x" * 10, Origin=origin, Transfer_Encoding="gzip"), 400),
    ):
        assert (reply.status, reply.shared, reply.headers["Vary"]) == (status, expected, "Origin")
    # Scripts send no Origin.
    reply = send(url, token=sandbox.token)
    assert (reply.status, reply.shared, reply.headers["Vary"]) == (200, {}, "Origin")


def test_a_preflight_reaches_no_fault(sandbox: Sandbox) -> None:
    sandbox.faults.add("*", faults.status(status=503))
    origin = str(sandbox.docs_url).rstrip("/")
    for url in sandbox.base_urls.values():
        names = "authorization,content-type"
        reply = send(
            f"{url}/any", "OPTIONS", Origin=origin,
            Access_Control_Request_Method="PUT", Access_Control_Request_Headers=names,
        )  # fmt: skip
        assert (reply.status, reply.body) == (204, b"")
        assert reply.shared[ALLOW] == origin
        assert "PUT" in reply.shared["Access-Control-Allow-Methods"]
        assert reply.shared["Access-Control-Allow-Headers"] == names
    assert list(sandbox.faults.fired) == []
    # The control endpoint is for no page, that of the explorer included.
    assert send(sandbox.control_url, Origin=origin).status == 403


@pytest.mark.parametrize("host", ["elsewhere.example.com", "127.0.0.1.example.com:80", "[", ""])
def test_other_names_of_this_machine_are_refused(sandbox: Sandbox, host: str) -> None:
    """A page may have a name of its own that leads to 127.0.0.1 (DNS rebinding)."""
    for url in (*sandbox.base_urls.values(), f"{sandbox.docs_url}settings.json", sandbox.control_url):
        assert send(url, Host=host).status == 403


def test_without_docs_no_page_is_allowed() -> None:
    with Sandbox(seed=7) as sandbox:
        assert sandbox.docs_url is None
        url = sandbox.smarterproctoring_url + REPORT.format(sandbox.install_sid)
        for reply in (
            send(url, token=sandbox.token, Origin="http://127.0.0.1:1"),
            send(url, "OPTIONS", Origin="http://127.0.0.1:1", Access_Control_Request_Method="GET"),
        ):
            assert (reply.shared, reply.headers.get("Vary")) == ({}, None)


def test_what_the_explorer_serves(sandbox: Sandbox) -> None:
    page = send(str(sandbox.docs_url))
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; ")
    assert f"connect-src 'self' {' '.join(sandbox.base_urls.values())};" in policy
    assert not re.search(rb"<script(?! src=)|<style| style=| on\w+=", page.body)
    assert send(str(sandbox.docs_url), "HEAD")[0::2] == (200, b"")
    assert send(str(sandbox.docs_url), "POST").status == 405
    for path in ("none", "../server.py", "%2e%2e/server.py", "swagger-ui/package.json", "index.html"):
        assert send(f"{sandbox.docs_url}{path}").status == 404
    assert not [each for each in sandbox.requests if each.api not in sandbox.base_urls]


def test_the_vendored_files_are_those_of_the_package() -> None:
    source = package("swagger-ui-dist")
    names = {each.name for each in VENDORED.iterdir()}
    assert names == {
        "LICENSE", "NOTICE", "package.json",
        "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css",
    }  # fmt: skip
    assert [name for name in sorted(names) if (VENDORED / name).read_bytes() != (source / name).read_bytes()] == []
    pinned = json.loads((REPOSITORY / "scripts" / "node" / "package.json").read_text(encoding="utf-8"))
    version = json.loads((VENDORED / "package.json").read_text(encoding="utf-8"))["version"]
    assert pinned["devDependencies"]["swagger-ui-dist"] == version


def test_the_command_prints_the_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    for options, pattern in (
        (["--json"], f'"docs_url": "http://127.0.0.1:{port}/"'),
        ([], f"# docs_url: http://127.0.0.1:{port}/\n"),
    ):
        command = [sys.executable, "-m", "invigilate.cli", "sandbox", "--docs", "--docs-port", port, *options]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            printed = ""
            while pattern not in printed and (line := process.stdout.readline()):
                printed += line
            assert pattern in printed
            assert send(f"http://127.0.0.1:{port}/").status == 200
            process.terminate()
            assert process.wait(10) == 0


def test_a_port_needs_docs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"docs_port: expected docs=True"):
        Sandbox(docs_port=8090)
    assert main(["--docs-port", "8090"]) == 2
    assert "--docs" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = Sandbox(docs=True).docs_url
