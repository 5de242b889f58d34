"""Remote files read through ``urllib`` (pandas reads addresses so): compared by their ETag.

What counts is the answer's ETag, or else its Last-Modified, as the run got it; a redirect counts
by its target. At look-up a HEAD request asks again. An answer without either, one to credentials
or to anything but a plain GET, and a server that answers HEAD otherwise leave the network's note.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from nbcache.deps.impurity import NETWORK
from nbcache.deps.patching import Patches
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import After

_TIMEOUT = 5.0
_AHEAD_SECONDS = 30.0
"""How long an answer may serve where only a forecast is asked for."""

_SENT_AGAIN = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization"})
_inside = threading.local()


def is_inside() -> bool:
    """Tell whether this thread is opening an address whose answer is compared later."""
    return getattr(_inside, "depth", 0) > 0


@dataclass(slots=True)
class _Request:
    url: str
    method: str
    headers: dict[str, str] = field(default_factory=dict)
    is_private: bool = False


@dataclass(slots=True)
class _Run:
    seen: dict[str, list[Any]] = field(default_factory=dict)
    current: dict[int, _Request] = field(default_factory=dict)
    is_unknown: bool = False


class RemoteTracker(Watcher[_Run]):
    """Follows addresses; ``is_ahead`` lets answers of a moment ago serve for a forecast."""

    name = "remote"

    def __init__(self) -> None:
        super().__init__()
        self.is_ahead = False
        self._answers: dict[str, tuple[float, Any]] = {}

    def _begin(self, patches: Patches) -> _Run:
        run = _Run()

        def watch_opener(module: ModuleType) -> None:
            patches.watch(_on_open, (module.OpenerDirector, "open"))

        if "urllib.request" in sys.modules:
            watch_opener(sys.modules["urllib.request"])
        else:
            patches.on_arrival("urllib.request", watch_opener)
        connection = http.client.HTTPConnection
        patches.watch(_on_request(run), (connection, "putrequest"))
        patches.watch(_on_header(run), (connection, "putheader"))
        patches.watch(_on_response(run), (http.client.HTTPResponse, "begin"))
        return run

    def _end(self, run: _Run) -> Observed:
        held = {
            url: seen
            for url, seen in run.seen.items()
            if seen[0] is not None and ask(url, seen[1]) == seen[0]
        }
        is_unknown = run.is_unknown or len(held) < len(run.seen)
        return Observed(held or None, notes=(NETWORK,) * is_unknown, impure=is_unknown)

    def _check(self, late: Mapping[str, Any]) -> str | None:
        for url, (answer, headers) in late.items():
            now = self._ask(url, headers)
            if now is None:
                return f"`{url}` could not be reached"
            if now != answer:
                return f"`{url}` changed"
        return None

    def _ask(self, url: str, headers: Mapping[str, str]) -> Any:
        known = self._answers.get(url)
        if self.is_ahead and known and time.monotonic() - known[0] < _AHEAD_SECONDS:
            return known[1]
        answer = ask(url, headers)
        self._answers[url] = time.monotonic(), answer
        return answer


def _on_open(args: tuple[Any, ...], kwargs: dict[str, Any]) -> After:
    _inside.depth = getattr(_inside, "depth", 0) + 1

    def leave() -> None:
        _inside.depth -= 1

    return leave


Handler = Callable[[tuple[Any, ...], dict[str, Any]], Any]


def _on_request(run: _Run) -> Handler:
    def on_request(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if is_inside():
            connection, method, target = args[:3]
            run.current[threading.get_ident()] = _Request(_whole(connection, target), method)

    return on_request


def _whole(connection: Any, target: str) -> str:
    if "://" in target:
        return target
    scheme = "https" if connection.default_port == http.client.HTTPS_PORT else "http"
    host = getattr(connection, "_tunnel_host", None) or connection.host
    host = f"[{host}]" if ":" in host else host
    port = "" if connection.port == connection.default_port else f":{connection.port}"
    return f"{scheme}://{host}{port}{target}"


def _on_header(run: _Run) -> Handler:
    def on_header(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        request = run.current.get(threading.get_ident())
        if request is None or not is_inside():
            return
        name = str(args[1]).lower()
        if name in _SENT_AGAIN:
            request.headers[name] = ", ".join(map(str, args[2:]))
        request.is_private = request.is_private or name in _PRIVATE

    return on_header


def _on_response(run: _Run) -> Handler:
    def on_response(args: tuple[Any, ...], kwargs: dict[str, Any]) -> After | None:
        request = run.current.pop(threading.get_ident(), None)
        if request is None or not is_inside():
            return None

        def answered() -> None:
            answer = answer_of(args[0])
            if request.method != "GET" or request.is_private or answer is None:
                run.is_unknown = True
            elif run.seen.get(request.url, [answer])[0] != answer:
                run.seen[request.url] = [None, {}]
            else:
                run.seen[request.url] = [answer, request.headers]

        return answered

    return on_response


def answer_of(response: Any) -> list[str] | None:
    """Return what an answer is compared by: its ETag, date and length, or target."""
    headers = response.headers
    if response.status in (301, 302, 303, 307, 308) and headers.get("Location"):
        return ["to", headers["Location"]]
    if response.status != http.client.OK:
        return None
    if headers.get("ETag"):
        return ["etag", headers["ETag"]]
    if headers.get("Last-Modified"):
        return ["date", headers["Last-Modified"], headers.get("Content-Length", "")]
    return None


def ask(url: str, headers: Mapping[str, str]) -> list[str] | None:
    """Return what the address answers now; None if it can't be compared or reached."""
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        return None
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_TIMEOUT)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("HEAD", target, headers=dict(headers))
        return answer_of(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
