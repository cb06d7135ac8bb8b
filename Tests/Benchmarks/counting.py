"""Counts of the instructions in user space that requests cost the host, by valgrind."""

import contextlib
import re
import socket
import sys

from servers.ambit import Ambit
from servers.server import build, program

# A run of each length; what they differ by is the requests' alone. Multiples of every depth.
SHORT, LONG = 1600, 8000


class CountedAmbit(Ambit):
    """The host under valgrind, which counts its instructions until it has ended."""

    def __init__(self, directory, options):
        super().__init__(directory, options)
        self.counts = directory / "callgrind.out"
        self.valgrind = program("valgrind")
        # Valgrind does not read the debugging records that Swift writes.
        stripped = directory / "ambit"
        build(["strip", "-g", "-o", stripped, self.binary], directory)
        self.binary = stripped
        # Else what its start costs differs from run to run.
        self.environment |= {"SWIFT_DETERMINISTIC_HASHING": "1"}

    def command(self):
        options = ["--tool=callgrind", f"--callgrind-out-file={self.counts}", "--log-file=/dev/null"]
        # Valgrind counts one process, and the code that answers is the same in a worker.
        return [self.valgrind, *options, *super().command(), "--single"]

    def instructions(self, workload, surroundings=contextlib.nullcontext):
        """What one request costs, while the host is in these surroundings: a context made anew for each run."""
        return round((self.count(workload, LONG, surroundings) - self.count(workload, SHORT, surroundings))
                     / (LONG - SHORT))

    def count(self, workload, requests, surroundings=contextlib.nullcontext):
        """The instructions of a host that answers so many requests from its start to its end."""
        self.launch()
        try:
            self.await_listener(timeout=60)
            with surroundings():
                send(self.port, workload, requests)
        finally:
            self.stop()
        return int(re.search(r"^(?:totals|summary): (\d+)", self.counts.read_text(), re.MULTILINE)[1])


def send(port, workload, requests):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = connection.makefile("rb")
        for _ in range(requests // workload.depth):
            connection.sendall(workload.piece)
            for _ in range(workload.depth):
                skip_answer(answers)


def skip_answer(answers):
    status = answers.readline()
    if not status.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"the host answered {status!r}, expected a 200")
    length = 0
    while (line := answers.readline()) != b"\r\n":
        if line.startswith(b"Content-Length:"):
            length = int(line.split(b":")[1])
    answers.read(length)
