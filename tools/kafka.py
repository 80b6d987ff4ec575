"""A real Apache Kafka for developers and CI: one KRaft node, its jars taken with Maven, run with Java 17.

``python tools/kafka.py up`` starts one in the foreground (``make kafka``); tests import ``missing`` and ``Kafka``.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dccemu_runtime.local.children import ends_with_parent
from dccemu_runtime.local.ports import own_port

VERSION = "3.9.1"
SCALA = "2.13"
JAVA = 17
_CACHE = Path(__file__).parents[1] / "build" / f"kafka-{VERSION}"
_CLUSTER = "dccemu-test-only-kafka"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dccemu</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_{SCALA}</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

_CONFIG = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
"""

_LOGGING = "log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"


def missing() -> str | None:
    """Why no Apache Kafka can be had here; None when it can."""
    java = _java_version()
    if java is None:
        return "Apache Kafka needs Java 17: no java on the path"
    if java < JAVA:
        return f"Apache Kafka needs Java {JAVA}: java on the path is {java}"
    if not _CACHE.is_dir() and shutil.which("mvn") is None:
        return "the jars of Apache Kafka are taken with Maven: no mvn on the path"
    try:
        fetch()
    except subprocess.SubprocessError as error:
        return f"the jars of Apache Kafka could not be taken with Maven: {error}"
    return None


def fetch() -> Path:
    """The folder with the jars, filled at the first call."""
    if _CACHE.is_dir():
        return _CACHE
    _CACHE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE.parent) as folder:
        (Path(folder) / "pom.xml").write_text(_POM)
        arguments = [f"-DoutputDirectory={folder}/jars", "-DincludeScope=runtime"]
        subprocess.run(["mvn", "-q", "-B", _PLUGIN, *arguments], cwd=folder, check=True, timeout=600)
        try:
            (Path(folder) / "jars").rename(_CACHE)
        except OSError:
            if not _CACHE.is_dir():  # somebody else was faster: theirs is as good
                raise
    return _CACHE


class Kafka:
    """A broker in ``folder``; ``port`` 0 takes a free one."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder.resolve()
        self._port = port or own_port("127.0.0.1")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self, timeout: float = 60.0) -> str:
        """Format the storage at the first start, start the broker and wait until it answers; returns its address."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "server.properties"
        if not config.exists():
            config.write_text(
                _CONFIG.format(port=self._port, controller=own_port("127.0.0.1"), data=self._folder / "data"),
                encoding="utf-8",
            )
            (self._folder / "log4j.properties").write_text(_LOGGING, encoding="utf-8")
            identity = ["--cluster-id", _cluster_id(), "--config", str(config)]
            done = subprocess.run(
                [*self._java(), "kafka.tools.StorageTool", "format", *identity],
                capture_output=True,
                check=False,
                timeout=60,
            )
            if done.returncode != 0:
                raise RuntimeError(f"the storage could not be formatted: {done.stderr.decode()[-500:]}")
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=ends_with_parent(signal.SIGKILL),
            )
        try:
            self._wait(timeout)
        except BaseException:
            self.stop()
            raise
        return self.address

    def stop(self, timeout: float = 20.0) -> None:
        """End the broker, by force when it does not by itself."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as ``kill -9`` does; what was acknowledged is in its log."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _java(self) -> list[str]:
        logging = f"-Dlog4j.configuration=file:{self._folder / 'log4j.properties'}"
        return ["java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", logging, "-cp", f"{fetch()}/*"]

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            assert self._process is not None
            if self._process.poll() is not None:
                words = (self._folder / "server.log").read_text(errors="replace")[-500:]
                raise RuntimeError(f"Apache Kafka ended with status {self._process.returncode}: {words}")
            try:
                with socket.create_connection(("127.0.0.1", self._port), 1):
                    return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"Apache Kafka did not answer in {timeout} s") from error
                time.sleep(0.1)


def _cluster_id() -> str:
    """22 characters of URL-safe base64, as the storage tool wants it: fixed, because every store here is new."""
    return _CLUSTER[:22].ljust(22, "A")


def _java_version() -> int | None:
    if shutil.which("java") is None:
        return None
    said = subprocess.run(["java", "-version"], capture_output=True, check=False, timeout=30)
    found = re.search(r'version "(\d+)', said.stderr.decode())
    return int(found.group(1)) if found else None


def main(arguments: list[str]) -> int:
    """``up [PORT]``: run a broker until interrupted."""
    if not arguments or arguments[0] != "up" or len(arguments) > 2:
        print(f"usage: python {sys.argv[0]} up [PORT]", file=sys.stderr)
        return 2
    reason = missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 1
    port = int(arguments[1]) if len(arguments) == 2 else 9092
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="dccemu-kafka-") as folder:
        server = Kafka(Path(folder), port)
        try:
            address = server.start()
            print(f"Apache Kafka {VERSION} on {address}; try: dccemu up --isolated --kafka {address}", flush=True)
            signal.pause()
        except KeyboardInterrupt:
            return 0
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
