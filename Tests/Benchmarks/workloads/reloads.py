"""New code again and again, under load: whether any request notices."""

import multiprocessing
import os
import socket
import sys
import time
from statistics import quantiles

from machine import CLIENT_CORE

from .load import start_wrk, wrk_errors

# Longer than the host waits between the reloads of two signals.
PAUSE = 0.3


class Reloads:
    """wrk loads the server, and one more client asks on one connection and notes how long each answer takes: during
    reloads, and between them."""

    kind = "reloads"
    columns = {
        "reloads": "reloads", "errors": "errors", "reload_ms": "reload ms", "inside_p99_us": "p99 µs during",
        "outside_p99_us": "p99 µs between",
    }
    ratios = {}
    needs = "reload"

    def __init__(self, name):
        self.name = name

    def measure(self, server, options):
        # Below that there may be no reload in it.
        seconds = max(options.seconds, 3)
        load = start_wrk(server, "/hello/World", seconds, connections=16)
        answers, sender = multiprocessing.Pipe(duplex=False)
        prober = multiprocessing.Process(target=probe, args=(server.port, seconds - 0.5, sender))
        prober.start()
        windows = []
        while not answers.poll(PAUSE):
            windows.append(server.replace())
        times, failed = answers.recv()
        prober.join()
        failed += wrk_errors(load.communicate()[0]) is not None
        during = [took for began, took in times if any(a - took < began < b for a, b in windows)]
        between = [took for began, took in times if not any(a - took < began < b for a, b in windows)]
        if not windows or min(len(during), len(between)) < 2:
            sys.exit(f"run: {server.name}: {self.name}: {len(windows)} reloads are too few, give it more --seconds")
        return {
            "reloads": len(windows), "errors": failed,
            "reload_ms": sum(b - a for a, b in windows) / len(windows) * 1e3,
            "inside_p99_us": p99(during) * 1e6, "outside_p99_us": p99(between) * 1e6,
        }


def p99(values):
    return quantiles(values, n=100, method="inclusive")[-1]


def probe(port, seconds, sender):
    """Sends, for each answer, when its request went out and how long it took, and how many requests failed."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    request = b"GET /hello/World HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    times, failed = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end and not failed:
        began = time.monotonic()
        connection.sendall(request)
        answer = connection.recv(4096)
        times.append((began, time.monotonic() - began))
        failed += not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"World!\n"))
    sender.send((times, failed))
