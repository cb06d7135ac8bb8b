import shutil
from pathlib import Path

from .server import BUILDS, PEERS, Server, Unavailable, build, program


class Hyper(Server):
    """hyper on one thread of tokio, with a scope layer over tokio-util's cancellation tokens."""

    name = "hyper"
    abilities = frozenset({"pipelining", "large", "echo", "jobs"})
    # Where Debian's packages librust-hyper-dev, librust-tokio-dev and librust-tokio-util-dev put their sources.
    crates = Path("/usr/share/cargo/registry")

    def __init__(self, directory, options):
        super().__init__(directory, options)
        cargo = program("cargo")
        if not list(self.crates.glob("hyper-0.14.*")):
            raise Unavailable("librust-hyper-dev, librust-tokio-dev and librust-tokio-util-dev are not installed")
        sources = directory / "sources"
        shutil.copytree(PEERS / "hyper", sources)
        build([cargo, "build", "--release", "--offline", "--target-dir", BUILDS / "hyper",
               "--config", 'source.crates-io.replace-with="debian"',
               "--config", f'source.debian.directory="{self.crates}"'], sources)
        self.binary = BUILDS / "hyper/release/bench"

    def command(self):
        return [self.binary, self.port]
