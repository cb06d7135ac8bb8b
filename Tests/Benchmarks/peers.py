"""The servers that are compared. A new one is a class here and its name in ALL, the first of which is ambit."""

import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from measuring import SERVER_CORE, pinned

PACKAGE = Path(__file__).resolve().parents[2]


class Server:
    """A process that answers /hello/World with `Hello, World!` on `port`, with one thread of work, on one core."""

    # Whether it answers /jobs/{count} as well.
    has_jobs = False

    @staticmethod
    def obstacle(options):
        """Why it cannot run on this machine; None if it can."""
        raise NotImplementedError

    def start(self, command, directory, **streams):
        self.process = subprocess.Popen(pinned(command, SERVER_CORE), cwd=directory, **streams)
        self.pid = self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Ambit(Server):
    name = "ambit"
    has_jobs = True
    plugins = ("Plugins/hello/hello.c", "Tests/Benchmarks/jobs.c")

    @staticmethod
    def obstacle(options):
        if not options.ambit.exists():
            return f"{options.ambit} is missing; swift build -c release --product ambit makes it"

    def __init__(self, directory, options):
        (directory / "Plugins").mkdir()
        for source in self.plugins:
            library = directory / "Plugins" / Path(source).with_suffix(".so").name
            flags = ["-std=gnu17", "-O2", "-shared", "-fPIC", "-fvisibility=hidden"]
            include = PACKAGE / "Sources/CAmbit/include"
            subprocess.run(["cc", *flags, "-I", include, "-o", library, PACKAGE / source], check=True)
        (directory / "host.conf").write_text('listen = ["127.0.0.1:0"]\nthreads = 1\n')
        self.start([options.ambit.resolve(), "serve"], directory, stderr=subprocess.PIPE, text=True)
        self.port = self.logged_port()

    def logged_port(self):
        log = ""
        for line in self.process.stderr:
            log += line
            if "serving pid=" in line:
                return int(re.search(r"listening on http://127\.0\.0\.1:(\d+)", log)[1])
        sys.exit(f"run: ambit ended:\n{log}")


class Nginx(Server):
    name = "nginx"
    # One process instead of a master and a worker: the same loop, and its pid is the one that is started.
    configuration = """
        daemon off;
        master_process off;
        pid nginx.pid;
        error_log stderr error;
        events {{ worker_connections 1024; }}
        http {{
          access_log off;
          keepalive_requests 1000000000;
          client_body_temp_path body;
          proxy_temp_path proxy;
          fastcgi_temp_path fastcgi;
          uwsgi_temp_path uwsgi;
          scgi_temp_path scgi;
          default_type "text/plain; charset=utf-8";
          server {{
            listen 127.0.0.1:{port};
            location /hello/ {{ return 200 "Hello, World!\\n"; }}
          }}
        }}
    """

    @staticmethod
    def obstacle(options):
        if not Nginx.program():
            return "not installed"

    @staticmethod
    def program():
        return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

    def __init__(self, directory, options):
        self.port = free_port()
        configuration = directory / "nginx.conf"
        configuration.write_text(self.configuration.format(port=self.port))
        self.start([self.program(), "-e", "stderr", "-p", directory, "-c", configuration], directory)
        await_listener(self)


ALL = [Ambit, Nginx]


def free_port():
    """A port that nobody listens on, for servers that cannot tell which one they were given."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def await_listener(server, patience=5):
    deadline = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", server.port)).close()
        except ConnectionRefusedError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"run: {server.name} does not listen on port {server.port}")
            time.sleep(0.01)
