"""How long a server takes from its start to its first answer."""

import socket
import sys
import time

from machine import resident_bytes

REQUEST = b"GET /hello/World HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


class Start:
    kind = "start"
    columns = {"first_answer_ms": "first answer ms", "resident_mib": "MiB at rest"}
    ratios = {"first_answer_ms": "time", "resident_mib": "memory"}
    needs = None

    def __init__(self, name):
        self.name = name

    def measure(self, server, options):
        server.stop()
        began = time.monotonic()
        server.launch()
        while not is_answered(server):
            if time.monotonic() - began > 10:
                sys.exit(f"run: {server.name} does not answer:\n{server.log_text()}")
        took = time.monotonic() - began
        return {"first_answer_ms": took * 1e3, "resident_mib": resident_bytes(server.pids()) / 2**20}


def is_answered(server):
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(REQUEST)
            return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    except (ConnectionRefusedError, ConnectionResetError):
        return False
