"""The machine: who runs on which core, and what the kernel says that processes cost."""

import os
import subprocess
from pathlib import Path

SERVER_CORE = 0
CLIENT_CORE = 1

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def pinned(command, cores):
    return ["taskset", "--cpu-list", str(cores)] + [str(word) for word in command]


def stat_fields(pid):
    """The fields 3 to 52 of proc_pid_stat(5), which stand behind the name; the name may contain spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid):
    """A process and all its descendants: some servers work in a child."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(stat_fields(entry.name)[1])
            except (FileNotFoundError, ProcessLookupError):
                pass
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


def cpu_seconds(pids):
    """User and system time of some processes so far: fields 14 and 15."""
    fields = [stat_fields(pid) for pid in pids]
    return [sum(int(f[index]) for f in fields) / TICKS_PER_SECOND for index in (11, 12)]


def resident_bytes(pids):
    """Resident memory of some processes; pages that they share are counted for each."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES for pid in pids)


def describe():
    """What a reader of the figures wants to know of the machine."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    kernel = subprocess.run(["uname", "-sr"], capture_output=True, text=True, check=True).stdout.strip()
    return {"cpu": cpu.partition(": ")[2], "cores": os.cpu_count(), "kernel": kernel}


def words(pid):
    """The words that a process was started with; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []
