"""What is sent to the servers."""

from dataclasses import dataclass
from pathlib import Path

BROWSER_FIELDS = {
    "Connection": "keep-alive",
    "Cache-Control": "max-age=0",
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
    "Cookie": "session=d2f0a1c7b6e94b3f8a55",
    "Sec-Fetch-Mode": "navigate",
    "Referer": "http://127.0.0.1/",
}


@dataclass(frozen=True)
class Workload:
    name: str
    path: str = "/hello/World"
    # Header fields besides Host.
    fields: tuple = ()
    # How many requests go out in one piece.
    depth: int = 1
    # Whether a server takes part only if it knows jobs.
    needs_jobs: bool = False

    def runs_on(self, server):
        return server.has_jobs or not self.needs_jobs

    @property
    def wrk_arguments(self):
        script = ("-s", str(Path(__file__).with_name("pipelined.lua"))) if self.depth > 1 else ()
        return script + tuple(word for field in self.fields for word in ("-H", ": ".join(field)))

    @property
    def piece(self):
        """The bytes that a client sends at once."""
        lines = [f"GET {self.path} HTTP/1.1", "Host: 127.0.0.1:8080", *map(": ".join, self.fields), "", ""]
        return "\r\n".join(lines).encode() * self.depth


WORKLOADS = [
    Workload("plain"),
    # Host is the eleventh.
    Workload("eleven fields", fields=tuple(BROWSER_FIELDS.items())),
    # As many as pipelined.lua sends.
    Workload("pipelined by 16", depth=16),
    Workload("no job", path="/jobs/0", needs_jobs=True),
    Workload("1 sleeping job", path="/jobs/1", needs_jobs=True),
    Workload("10 sleeping jobs", path="/jobs/10", needs_jobs=True),
]
