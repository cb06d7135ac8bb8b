"""What a host may have much of while it serves requests that have nothing to do with it. Each kind has a number of it
that is `few` and one that is `many`, and two methods: furnish(server, count) adds files to a host that has not started,
occupied(server, count) is a context in which a host that runs has so many."""

import contextlib
import time

from servers.server import PEERS, build_library
from workloads.clients import Clients
from workloads.sleepers import await_living
from workloads.load import Load

PLAIN = Load("plain")


class Surroundings:
    workload = PLAIN
    # For a host under valgrind, which is slow and has no room for very much.
    many_counted = None

    def furnish(self, server, count):
        pass

    def occupied(self, server, count):
        return contextlib.nullcontext()


class Routes(Surroundings):
    name, few, many = "routes", 10, 100_000
    workload = Load("a route of many", path="/routes/r0/3/World")
    # As many as a plugin may have are fewer.
    plugins = 2

    def furnish(self, server, count):
        for number in range(self.plugins):
            flags = (f"-DROUTES={count // self.plugins}", f'-DPLUGIN="r{number}"')
            build_library(PEERS / "ambit/routes.c", server.directory / f"Plugins/r{number}.so", *server.include, *flags)


class Plugins(Surroundings):
    name, few, many = "plugins", 1, 200

    def furnish(self, server, count):
        library = server.directory / "p000.so"
        flags = ("-DROUTES=1", '-DPLUGIN="p000"', "-Wl,--build-id=none")
        build_library(PEERS / "ambit/routes.c", library, *server.include, *flags)
        for number in range(1, count):
            # The name, and the pattern with it.
            named = library.read_bytes().replace(b"p000", b"p%03d" % number)
            (server.directory / f"Plugins/p{number:03}.so").write_bytes(named)


class IdleConnections(Surroundings):
    name, few, many = "idle connections", 0, 10_000
    many_counted = 2_000

    @contextlib.contextmanager
    def occupied(self, server, count):
        with clients(server, "/hello/World", count):
            yield


class SuspendedJobs(Surroundings):
    name, few, many = "suspended jobs", 0, 100_000
    many_counted = 10_000

    @contextlib.contextmanager
    def occupied(self, server, count):
        with clients(server, f"/sleepers/{count}", 1):
            await_living(server, count)
            yield


@contextlib.contextmanager
def clients(server, path, count):
    group = Clients(server, path, count)
    # What the host still does for them is not what is measured.
    time.sleep(0.5)
    try:
        yield
    finally:
        group.kill()
        group.reap()


ALL = [Routes(), Plugins(), IdleConnections(), SuspendedJobs()]
