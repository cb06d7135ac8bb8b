"""What it costs a request that code runs on a thread: one client asks in turn for what is done on the loop and on one."""

import subprocess

from machine import pinned
from servers.server import PACKAGE, build


class Turns:
    """Requests one after the other, each kind for some milliseconds, so that what disturbs the machine disturbs all.

    The figures behind the first are what a request takes more than that, each the median of many rounds."""

    kind = "turns"
    columns = {
        "by_hand_us": "by hand p50 µs", "typed_us": "function +µs", "thread_us": "on a thread: function +µs",
        "handler_us": "by hand +µs", "block_us": "ambit_block +µs",
    }
    ratios = {}
    needs = "signatures"
    paths = ("sum-by-hand", "sum", "sum-on-thread", "sum-by-hand-on-thread", "sum-in-block")

    def __init__(self, name, server_cores, client_cores):
        """Cores as taskset(1) lists them."""
        self.name = name
        self.server_cores = server_cores
        self.client_cores = client_cores

    def measure(self, server, options):
        client = server.directory / "turns"
        if not client.exists():
            build(["cc", "-std=gnu17", "-O2", "-o", client, PACKAGE / "Tests/Benchmarks/turns.c"], server.directory)
        usual = server.cores
        restart(server, self.server_cores)
        command = [client, server.port, options.seconds, *(f"/{path}/12/30" for path in self.paths)]
        output = subprocess.run(pinned(command, self.client_cores), check=True, stdout=subprocess.PIPE, text=True).stdout
        restart(server, usual)
        times, differences = zip(*(map(float, line.split("\t")) for line in output.splitlines()))
        return dict(zip(self.columns, [times[0], *differences[1:]]))


def restart(server, cores):
    server.stop()
    server.cores = cores
    server.start()
