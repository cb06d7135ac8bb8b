"""One measurement: wrk against one server, and what it cost that server."""

import os
import re
import subprocess
import sys
from pathlib import Path

SERVER_CORE = 0
CLIENT_CORE = 1
CONNECTIONS = 64

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def pinned(command, core):
    return ["taskset", "--cpu-list", str(core)] + [str(word) for word in command]


def cpu_seconds(pid):
    """User and system time of a process so far. Behind the name, which may contain spaces, stand the fields 3 to 52
    of proc_pid_stat(5); 14 and 15 are the two times."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(ticks) / TICKS_PER_SECOND for ticks in fields[11:13]]


def run_wrk(url, workload, seconds):
    """The requests answered, and how many a second. A run with any error is no measurement."""
    command = ["wrk", "-t", 1, "-c", CONNECTIONS, "-d", f"{seconds}s", *workload.wrk_arguments, url]
    result = subprocess.run(pinned(command, CLIENT_CORE), capture_output=True, text=True)
    requests = re.search(r"(\d+) requests in", result.stdout)
    rate = re.search(r"Requests/sec: +([\d.]+)", result.stdout)
    if not requests or not rate or re.search("Socket errors|Non-2xx", result.stdout):
        sys.exit(f"run: {workload.name}: wrk {url}: {result.stdout}{result.stderr}")
    return int(requests[1]), float(rate[1])


def measure(server, workload, seconds):
    before = cpu_seconds(server.pid)
    requests, rate = run_wrk(f"http://127.0.0.1:{server.port}{workload.path}", workload, seconds)
    user, system = (after - start for after, start in zip(cpu_seconds(server.pid), before))
    return {
        "workload": workload.name,
        "server": server.name,
        "requests": requests,
        "requests_per_second": rate,
        "user_us": user / requests * 1e6,
        "system_us": system / requests * 1e6,
    }
