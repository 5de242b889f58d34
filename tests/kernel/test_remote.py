"""Remote files by their ETag, against a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kernels import kernel


class Site:
    """What the server answers, and which methods it was asked with."""

    def __init__(self) -> None:
        self.body, self.tag, self.date = b"a,b\n1,2\n", '"one"', ""
        self.asked: list[str] = []
        self.address = ""

    def headers(self) -> dict[str, str]:
        found = {"ETag": self.tag, "Last-Modified": self.date}
        return {name: value for name, value in found.items() if value}


@contextmanager
def serve() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, *, with_body: bool) -> None:
            site.asked.append(self.command)
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/data.csv")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            for name, value in site.headers().items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(site.body)))
            self.end_headers()
            if with_body:
                self.wfile.write(site.body)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_remote_file_counts_by_its_tag(tmp_path: Path) -> None:
    """Equal tags hit without reading, another one runs, and an answer without one is a note."""
    with serve() as site, kernel(tmp_path / "store") as made:
        made.run("import pandas as pd, urllib.request")
        for path in ("data.csv", "moved"):
            url = f"{site.address}/{path}"
            cell = f"%%cache\nframe = pd.read_csv('{url}')\nprint(len(frame))"
            first = made.run(cell)
            assert first.state == "miss"
            assert "used the network" not in first.event["notes"]
            site.asked.clear()
            assert made.run(cell).state == "hit"
            assert set(site.asked) == {"HEAD"}
            site.body, site.tag = site.body + b"3,4\n", f'"{path}"'
            reply = made.run(cell)
            assert reply.state == "stale"
            assert reply.event["reasons"] == [f"`{site.address}/data.csv` changed"]
        site.tag, site.date = "", "Wed, 21 Oct 2015 07:28:00 GMT"
        dated = f"%%cache\ntext = urllib.request.urlopen('{site.address}/x').read()"
        assert [made.run(dated).state for _ in range(2)] == ["miss", "hit"]
        site.date = "Wed, 21 Oct 2020 07:28:00 GMT"
        assert made.run(dated).state == "stale"
        site.date = ""
        bare = f"%%cache\nbare = urllib.request.urlopen('{site.address}/y').read()"
        notes = made.run(bare).event["notes"]
        assert [note.partition(":")[0] for note in notes] == ["used the network", "no ttl"]
        assert made.run(bare).state == "hit"
        posted = f"%%cache\nposted = urllib.request.urlopen('{site.address}/y', b'1')"
        assert made.run(posted).state in ("error", "bypass")
    with kernel(tmp_path / "store") as made:  # the server is gone
        made.run("import pandas as pd, urllib.request")
        assert made.run(dated).state == "error"
