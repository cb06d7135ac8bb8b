"""Clients that send a request and wait, in a process of their own on the core of the clients: when that is killed, the
kernel closes all of their connections at once."""

import os
import resource
import signal
import socket
import sys

from machine import CLIENT_CORE


class Clients:
    def __init__(self, server, path, count):
        ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            hold(server.port, path, count, told)
        os.close(told)
        if os.read(ready, 1) != b"!":
            sys.exit(f"{count} clients cannot ask {server.name} for {path}")
        os.close(ready)

    def kill(self):
        """They leave without a word."""
        os.kill(self.pid, signal.SIGKILL)

    def reap(self):
        os.waitpid(self.pid, 0)


def hold(port, path, count, told):
    """Connects and asks, tells that it has, and waits to be killed. Never returns."""
    try:
        os.sched_setaffinity(0, {CLIENT_CORE})
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for connection in connections:
            connection.sendall(request)
        os.write(told, b"!")
        signal.pause()
    finally:
        os._exit(1)
