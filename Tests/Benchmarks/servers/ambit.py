import os
import shutil
import signal
import time

from machine import family, words

from .server import PACKAGE, PEERS, Server, Unavailable, build_library


class Ambit(Server):
    name = "ambit"
    abilities = frozenset({"pipelining", "large", "echo", "jobs", "reload", "signatures"})
    # Further plugins, which each are one file of C.
    plugins = (PEERS / "ambit/jobs.c", PEERS / "ambit/sums.c")
    include = ("-I", PACKAGE / "Sources/CAmbit/include")

    def __init__(self, directory, options):
        super().__init__(directory, options)
        self.binary = options.ambit.resolve()
        if not self.binary.exists():
            raise Unavailable(f"{options.ambit} is missing; swift build -c release --product ambit makes it")
        plugins = directory / "Plugins"
        plugins.mkdir()
        hello = PACKAGE / "Plugins/hello/hello.c"
        self.versions = [directory / f"hello.{number}.so" for number in (1, 2)]
        for version in self.versions:
            build_library(hello, version, *self.include, f"-Wl,-soname={version.name}")
        shutil.copy(self.versions[0], plugins / "hello.so")
        for source in self.plugins:
            build_library(source, plugins / f"{source.stem}.so", *self.include)
        configuration = (PEERS / "ambit/host.conf").read_text().format(port=self.port)
        (directory / "host.conf").write_text(configuration)
        self.environment = {"STATE_DIRECTORY": str(directory / "state")}

    def command(self):
        return [self.binary, "serve"]

    def pids(self):
        # Not the child process of the dry runs, which may be about to end.
        return [pid for pid in family(self.process.pid) if "dry-run" not in words(pid)]

    def replace(self):
        """Puts another build of the plugin hello into place and has it loaded. Returns the times between which that
        happened, in seconds of the monotonic clock."""
        self.versions.reverse()
        new = self.directory / "hello.new"
        shutil.copy(self.versions[0], new)
        done = self.log_text().count("reload done")
        os.replace(new, self.directory / "Plugins/hello.so")
        began = time.monotonic()
        self.process.send_signal(signal.SIGHUP)
        while self.log_text().count("reload done") == done:
            time.sleep(0.0005)
        return began, time.monotonic()
