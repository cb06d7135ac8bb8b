"""What all servers have in common: they are prepared once, and then started and stopped as often as one likes."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from machine import SERVER_CORE, family, pinned

PACKAGE = Path(__file__).resolve().parents[3]
PEERS = PACKAGE / "Tests/Benchmarks/Peers"
# Where what takes minutes to build stays from one run to the next; git ignores it.
BUILDS = PACKAGE / ".build/benchmark-peers"


class Unavailable(Exception):
    """Why a server cannot run on this machine."""


class Server:
    """A server on `port`, with one thread of work, on one core. It answers `GET /plain` with 13 bytes, `GET
    /hello/World` with 14, and what else its `abilities` say."""

    name = ""
    # "pipelining": it answers requests that are sent without waiting for the answers to those before; "large": GET
    # /large gives 64 KiB; "echo": POST /echo gives the body back; "jobs": GET /jobs/N, /held/N, /sleepers/N and /living;
    # "reload": it has a method replace().
    abilities = frozenset()
    # On which it runs, as taskset takes them.
    cores = SERVER_CORE
    # Variables besides those of this process.
    environment = {}

    def __init__(self, directory, options):
        """Builds and configures it in an empty directory. Raises Unavailable if it cannot."""
        self.directory = directory
        self.port = free_port()
        self.process = None

    def command(self):
        """The words that start it in its directory."""
        raise NotImplementedError

    def start(self):
        """Returns when it accepts connections."""
        self.launch()
        self.await_listener()

    def launch(self):
        """Returns at once."""
        self.log = open(self.directory / "log", "w+b")
        self.process = subprocess.Popen(
            pinned(self.command(), self.cores), cwd=self.directory, env=os.environ | self.environment,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def await_listener(self, timeout=10):
        deadline = time.monotonic() + timeout
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"run: {self.name} does not listen on port {self.port}:\n{self.log_text()}")
                time.sleep(0.0005)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.log.close()
            self.process = None

    @contextlib.contextmanager
    def stopped(self):
        """A time in which it does not run, though its sockets do."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)
        # Only the first is a child of this process; a server that works in others stops no later than in a moment.
        os.waitpid(self.process.pid, os.WUNTRACED)
        try:
            yield
        finally:
            for pid in self.pids():
                os.kill(pid, signal.SIGCONT)

    def log_text(self):
        return (self.directory / "log").read_text(errors="replace")

    def pids(self):
        return family(self.process.pid)

    def get(self, path):
        """The body of an answer of status 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            sys.exit(f"run: {self.name}: GET {path} gave {response.status}")
        return body


def free_port():
    """A port that nobody listens on: a server cannot always tell which one it was given."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def program(name):
    """The path of an installed program, those of administrators included."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not path:
        raise Unavailable("not installed")
    return path


def build(command, directory):
    """Runs a command that builds something. Raises Unavailable, with the last lines that it wrote, if it fails."""
    result = subprocess.run(
        [str(word) for word in command], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        lines = "\n".join(result.stdout.strip().splitlines()[-5:])
        raise Unavailable(f"{' '.join(map(str, command[:2]))} failed:\n{lines}")


def build_library(source, library, *flags):
    """Compiles a C file to a shared library as a plugin is."""
    build(["cc", "-std=gnu17", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", *flags, "-o", library, source],
          library.parent)
