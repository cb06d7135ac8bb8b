"""What is asked of the servers. A workload has a name, the ability that a server needs for it (None: every server can),
and a method measure(server, options), which gives a figure for each of its columns."""

from machine import CLIENT_CORE, SERVER_CORE

from .sleepers import Leaving, Suspended
from .load import Load
from .reloads import Reloads
from .starts import Start
from .turns import Turns

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

JOBS = {0: "no job", 1: "1 sleeping job", 10: "10 sleeping jobs", 100: "100 sleeping jobs"}

ALL = [
    Load("plain"),
    # Where ambit's sample plugin joins a setting and a part of the path to the text that its peers have ready.
    Load("greeting", path="/hello/World"),
    # Host is the eleventh, which wrk sends by itself.
    Load("eleven fields", fields=BROWSER_FIELDS),
    Load("64 KiB out", path="/large", needs="large"),
    Load("64 KiB echo", path="/echo", needs="echo", script="echo.lua"),
    # As many as pipelined.lua sends.
    Load("pipelined by 16", needs="pipelining", depth=16, script="pipelined.lua"),
    Load("new connections", fields={"Connection": "close"}),
    # Each request spawns jobs that sleep, which its end cancels; it is answered at once, or after 20 ms.
    *(Load(name, path=f"/jobs/{count}", needs="jobs") for count, name in JOBS.items()),
    *(Load(f"{name}, 20 ms", path=f"/held/{count}", needs="jobs") for count, name in JOBS.items()),
    # What a function route costs beside a handler that reads and writes numbers with the C library.
    Load("function route", path="/sum/12/30", needs="signatures"),
    Load("function, on a thread", path="/sum-on-thread/12/30", needs="signatures"),
    Load("the same by hand", path="/sum-by-hand/12/30", needs="signatures"),
    # One after the other: how long a thread's help takes, where it can only be on the loop's core and where it need not.
    Turns("function, in turns", SERVER_CORE, CLIENT_CORE),
    Turns("function, on any core", f"{SERVER_CORE},{CLIENT_CORE}", f"{SERVER_CORE},{CLIENT_CORE}"),
    Leaving("1,000 clients leave", clients=1000),
    Suspended("10,000 suspended", jobs=10_000),
    Suspended("100,000 suspended", jobs=100_000),
    Reloads("reload under load"),
    Start("start to first answer"),
]
