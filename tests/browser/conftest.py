"""Fixtures of the browser tests: servers for the session, one Chromium for each module."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., object]]:
    """Servers by kind, each started when first asked for."""
    from servers import Server, serve

    with ExitStack() as stack:
        running: dict[tuple[str, bool], Server] = {}

        def find(kind: str, *, with_nbcache: bool = True) -> Server:
            key = kind, with_nbcache
            if key not in running:
                home = tmp_path_factory.mktemp(f"{kind}-{with_nbcache}")
                running[key] = stack.enter_context(serve(kind, home, with_nbcache=with_nbcache))
            return running[key]

        yield find


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A headless Chromium, closed at the end of a module: its driver owns an event loop."""
    from chromium import FLAGS, find_browser

    path = find_browser()
    if path is None:
        pytest.skip("no Chromium here: `apt-get install chromium` (make test does it as root)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember on the test whether it failed, so that its page is kept."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def failed(request: pytest.FixtureRequest) -> bool:
    """Whether the test of a fixture's request failed."""
    return bool(request.node.stash.get(FAILED, False))


@pytest.fixture
def open_notebook(servers, browser, artefacts, request) -> Iterator[Callable[..., object]]:
    """Opens notebooks of given cells in pages of their own; fails on errors in the page."""
    from pages import NotebookPage, write_notebook

    opened: list[NotebookPage] = []
    contexts = []

    def open_one(kind: str, name: str, sources=None, *, with_nbcache: bool = True, **options):
        server = servers(kind, with_nbcache=with_nbcache)
        if sources is not None:
            write_notebook(server, name, sources)
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 760}, **options})
        contexts.append(context)
        page = NotebookPage(context.new_page(), server, name)
        opened.append(page)
        return page.open()

    yield open_one
    if failed(request):
        for number, page in enumerate(opened):
            if not page.page.is_closed():
                page.page.screenshot(path=artefacts / f"failed-{request.node.name}-{number}.png")
    for context in contexts:
        context.close()
    problems = [error for page in opened for error in page.errors if "nbcache" in error]
    assert not problems, problems


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """The folder where screenshots are kept."""
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS


@pytest.fixture(scope="session")
def devtools() -> Path:
    """The folder of node modules that `make test` installs where npm is there."""
    folder = Path(sys.prefix) / "devtools" / "node_modules"
    if not folder.is_dir() or shutil.which("node") is None:
        pytest.skip("no Node here: install Node and npm, then run `make test` again")
    os.environ.setdefault("NODE_NO_WARNINGS", "1")
    return folder
