from .server import PEERS, Server, build_library, program


class Kore(Server):
    name = "kore"
    # Of pipelined requests it answers the first.
    abilities = frozenset({"large", "echo"})

    def __init__(self, directory, options):
        super().__init__(directory, options)
        self.binary = program("kore")
        build_library(PEERS / "kore/bench.c", directory / "bench.so", "-fvisibility=default")
        configuration = (PEERS / "kore/kore.conf").read_text().format(port=self.port)
        (directory / "kore.conf").write_text(configuration)

    def command(self):
        # In the foreground, as whoever runs this, and where it is.
        return [self.binary, "-f", "-n", "-r", "-q", "-c", "kore.conf"]
