"""Spark for its tests: a local session, and a cluster of a master and two workers on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.sql import SparkSession

from invigilate.sandbox import Sandbox
from invigilate.spark import register

LOOPBACK = "127.0.0.1"
TOKEN = "the-token-that-spark-must-not-see"
SPARK_HOME = Path(pyspark.__file__).parent
LOGGING = """\
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = {}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %p %c %m%n%ex
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that Spark writes."""
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The sandbox, which the environment of Spark names."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def environment(sandbox: Sandbox, folder: Path) -> Iterator[None]:
    """What Spark's processes inherit. They keep it, so it is set only while they are started."""
    (folder / "events").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "SPARK_LOCAL_IP": LOOPBACK,
            "SPARK_LOCAL_DIRS": str(folder),
            "PYSPARK_PYTHON": sys.executable,
            "SMARTERPROCTORING_TOKEN": sandbox.token,
            "SMARTERPROCTORING_BASE_URL": sandbox.smarterproctoring_url,
            "ISPRING_CLIENT_ID": sandbox.client_id,
            "ISPRING_CLIENT_SECRET": sandbox.client_secret,
            "ISPRING_ACCOUNT_URL": sandbox.account_url,
            "ISPRING_BASE_URL": sandbox.ispring_url,
            "TOKEN_OF_TESTS": TOKEN,
        }.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def start(environment: None, folder: Path) -> Callable[..., Any]:
    """Start a session: `start("local[2]")`. There is one at a time."""

    logging = folder / "log4j2.properties"
    logging.write_text(LOGGING.format(folder / "driver.log"))

    def session(master: str, **settings: str) -> Any:
        builder: Any = SparkSession.builder
        usual = {
            "spark.driver.bindAddress": LOOPBACK,
            "spark.driver.host": LOOPBACK,
            "spark.driver.memory": "512m",
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging}",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.dir": (folder / "events").as_uri(),
            "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
            "spark.sql.shuffle.partitions": "2",
            "spark.hadoop.fs.permissions.umask-mode": "077",
            # Times of the API have an offset, so that nothing may depend on this one.
            "spark.sql.session.timeZone": "America/Los_Angeles",
        }
        for name, value in (usual | settings).items():
            builder = builder.config(name, value)
        spark = builder.master(master).appName("tests").getOrCreate()
        register(spark)
        return spark

    return session


class Cluster:
    """A standalone master with two workers of one core each.

    Attributes:
        url: of the master.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            port = free.getsockname()[1]
        self.url = f"spark://{LOOPBACK}:{port}"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        master = ["master.Master", "--host", LOOPBACK, "--port", str(port), "--webui-port", "0"]
        self._launch("master", master, "I have been elected leader")
        for name in ("worker-1", "worker-2"):
            work = ["--work-dir", str(folder / name), "--webui-port", "0", "--cores", "1", "--memory", "1g"]
            self._launch(name, ["worker.Worker", "--host", LOOPBACK, *work, self.url], "")
        for name in ("worker-1", "worker-2"):
            self._wait(name, "Successfully registered with master")

    def _launch(self, name: str, arguments: list[str], ready: str) -> None:
        # It ends by itself, even if this process is killed.
        command = ["timeout", "300", f"{SPARK_HOME}/bin/spark-class", f"org.apache.spark.deploy.{arguments[0]}"]
        environment = {**os.environ, "SPARK_DAEMON_MEMORY": "256m"}
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen([*command, *arguments[1:]], env=environment, stdout=log, stderr=log)
        self._processes.append(process)
        self._wait(name, ready)

    def _wait(self, name: str, text: str) -> None:
        log = self._folder / f"{name}.log"
        end = time.monotonic() + 60
        while text not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)

    def executors(self) -> list[int]:
        """The processes that run tasks."""
        found = []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = each.read_bytes()
            except OSError:
                continue
            if b"CoarseGrainedExecutorBackend" in command and str(self._folder).encode() in _directory(each.parent):
                found.append(int(each.parent.name))
        return sorted(found)

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait(30)


def _directory(process: Path) -> bytes:
    try:
        return os.readlink(process / "cwd").encode()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def cluster(environment: None, folder: Path) -> Iterator[Cluster]:
    """The cluster."""
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    """A mounted secret."""
    path = tmp_path / "secret"
    path.write_text(f"{TOKEN}\n")
    return str(path)
