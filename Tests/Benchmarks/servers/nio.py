from .server import BUILDS, PEERS, Server, build, program


class NIO(Server):
    """SwiftNIO's HTTP/1 pipeline. Its package is fetched and built by this alone, the first time for minutes."""

    name = "nio"
    abilities = frozenset({"pipelining", "large", "echo"})

    def __init__(self, directory, options):
        super().__init__(directory, options)
        build([program("swift"), "build", "-c", "release", "--package-path", PEERS / "nio", "--scratch-path",
               BUILDS / "nio"], directory)
        self.binary = BUILDS / "nio/release/bench"

    def command(self):
        return [self.binary, self.port]
