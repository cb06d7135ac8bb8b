"""As many requests as wrk can get answered, and what one of them costs the server."""

import re
import subprocess
import sys
from pathlib import Path

from machine import CLIENT_CORE, cpu_seconds, pinned, resident_bytes

CONNECTIONS = 64
MICROSECONDS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


class Load:
    kind = "requests"
    columns = {
        "requests_per_second": "requests/s", "p50_us": "p50 µs", "p99_us": "p99 µs", "user_us": "user µs",
        "system_us": "system µs", "cpu_us": "cpu µs", "resident_mib": "MiB",
    }
    # The figures that are shown as multiples of ambit's too.
    ratios = {"user_us": "user", "cpu_us": "cpu"}

    def __init__(self, name, path="/plain", needs=None, fields=None, depth=1, script=None):
        self.name = name
        self.path = path
        self.needs = needs
        # Header fields besides Host.
        self.fields = fields or {}
        # How many requests go out in one piece.
        self.depth = depth
        self.arguments = [word for field in self.fields.items() for word in ("-H", ": ".join(field))]
        if script:
            self.arguments += ["-s", Path(__file__).with_name(script)]

    @property
    def piece(self):
        """The bytes that a client sends at once; not for the workloads that send bodies."""
        lines = [f"GET {self.path} HTTP/1.1", "Host: 127.0.0.1:8080", *map(": ".join, self.fields.items()), "", ""]
        return "\r\n".join(lines).encode() * self.depth

    def measure(self, server, options, scale=1, cores=CLIENT_CORE):
        """`scale`: how many times the usual number of clients ask, on so many threads."""
        pids = server.pids()
        before = cpu_seconds(pids)
        figures = run_wrk(server, self.path, options.seconds, self.arguments, scale, cores)
        user, system = (after - start for after, start in zip(cpu_seconds(pids), before))
        requests = figures.pop("requests")
        figures["user_us"] = user / requests * 1e6
        figures["system_us"] = system / requests * 1e6
        figures["cpu_us"] = figures["user_us"] + figures["system_us"]
        figures["resident_mib"] = resident_bytes(pids) / 2**20
        return figures


def start_wrk(server, path, seconds, arguments=(), connections=CONNECTIONS, scale=1, cores=CLIENT_CORE):
    command = ["wrk", "--latency", "-t", scale, "-c", connections * scale, "-d", f"{seconds}s", *arguments,
               f"http://127.0.0.1:{server.port}{path}"]
    return subprocess.Popen(pinned(command, cores), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run_wrk(server, path, seconds, arguments=(), scale=1, cores=CLIENT_CORE):
    """The requests answered, how many a second, and their latencies. A run with any error is no measurement."""
    output = start_wrk(server, path, seconds, arguments, scale=scale, cores=cores).communicate()[0]
    if errors := wrk_errors(output):
        sys.exit(f"run: {server.name}: wrk {path}: {errors}\n{output}\n{server.log_text()}")
    return {
        "requests": int(re.search(r"(\d+) requests in", output)[1]),
        "requests_per_second": float(re.search(r"Requests/sec: +([\d.]+)", output)[1]),
        "p50_us": latency(output, 50),
        "p99_us": latency(output, 99),
    }


def wrk_errors(output):
    """What wrk says went wrong; None if nothing did. Behind it stand figures if it ran at all."""
    wrong = re.search(r"Socket errors.*|Non-2xx.*", output)
    if wrong:
        return wrong[0].strip()
    return None if "Requests/sec" in output else "no figures"


def latency(output, percent):
    number, unit = re.search(rf"^ +{percent}% +([\d.]+)(\w+)$", output, re.MULTILINE).groups()
    return float(number) * MICROSECONDS[unit]
