"""Many jobs that wait: what they take, and how long it takes until the last has ended when their clients leave."""

import sys
import time

from machine import resident_bytes

from .clients import Clients


class Leaving:
    """Each of many clients holds a request with one job, and all leave at once."""

    kind = "leaving"
    columns = {"end_ms": "last end ms"}
    ratios = {"end_ms": "time"}
    needs = "jobs"

    def __init__(self, name, clients):
        self.name = name
        self.clients = clients

    def measure(self, server, options):
        return {"end_ms": leave(server, Clients(server, "/sleepers/1", self.clients), self.clients)}


class Suspended:
    """One request with many jobs, in a server that has done nothing else before."""

    kind = "suspended"
    columns = {"bytes_each": "bytes/job", "end_ms": "last end ms"}
    ratios = {"bytes_each": "bytes", "end_ms": "time"}
    needs = "jobs"

    def __init__(self, name, jobs):
        self.name = name
        self.jobs = jobs

    def measure(self, server, options):
        server.stop()
        server.start()
        server.get("/living")
        before = resident_bytes(server.pids())
        clients = Clients(server, f"/sleepers/{self.jobs}", 1)
        await_living(server, self.jobs)
        grown = resident_bytes(server.pids()) - before
        return {"bytes_each": grown / self.jobs, "end_ms": leave(server, clients, self.jobs)}


def leave(server, clients, jobs):
    """Milliseconds from the moment when the server sees that all clients have left until the last of the jobs has ended.
    It is stopped while they leave: closing their connections takes a kernel longer than what is measured, and a server
    that runs meanwhile sees one after the other."""
    await_living(server, jobs)
    # Whatever the server still does for the arrivals is not what is measured.
    time.sleep(0.2)
    with server.stopped():
        clients.kill()
        clients.reap()
        began = time.monotonic_ns()
    return (await_living(server, 0) - began) / 1e6


def await_living(server, count, timeout=60):
    """Waits until so many jobs live; gives the time at which the last one ended so far."""
    deadline = time.monotonic() + timeout
    while True:
        living, last_end = (int(word) for word in server.get("/living").split())
        if living == count:
            return last_end
        if time.monotonic() > deadline:
            sys.exit(f"run: {server.name}: {living} jobs live, expected {count}")
        time.sleep(0.02)
