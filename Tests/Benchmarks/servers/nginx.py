from pathlib import Path

from .server import PEERS, Server, program


class Nginx(Server):
    name = "nginx"
    abilities = frozenset({"pipelining", "large"})
    # Debian's libnginx-mod-http-echo.
    echo_module = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")

    def __init__(self, directory, options):
        super().__init__(directory, options)
        self.binary = program("nginx")
        modules = echo = ""
        if self.echo_module.exists():
            self.abilities = self.abilities | {"echo"}
            modules = f"load_module {self.echo_module};"
            echo = "location = /echo { echo_read_request_body; echo_request_body; }"
        (directory / "large").write_bytes(bytes(64 * 1024))
        template = (PEERS / "nginx/nginx.conf").read_text()
        self.configuration = directory / "nginx.conf"
        self.configuration.write_text(template.format(port=self.port, modules=modules, echo=echo))

    def command(self):
        return [self.binary, "-e", "stderr", "-p", self.directory, "-c", self.configuration]
