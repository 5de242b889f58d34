"""One notebook in a real browser: what its user does, and what they see."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect
from servers import Server

expect.set_options(timeout=30_000)

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
STATUS = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"


def write_notebook(server: Server, name: str, sources: Sequence[str]) -> None:
    """Write a notebook of code cells; a text that begins with ``#! `` is a text cell."""
    make = nbformat.v4
    cells = [
        make.new_markdown_cell(text[3:]) if text.startswith("#! ") else make.new_code_cell(text)
        for text in sources
    ]
    notebook = make.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(notebook, server.folder / name)


class NotebookPage:
    """A notebook that is open in a page."""

    def __init__(self, page: Page, server: Server, name: str) -> None:
        self.page = page
        self.server = server
        self.name = name
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, *, reset: bool = True) -> NotebookPage:
        """Load the page and wait until its kernel answers."""
        is_lab = self.server.kind == "lab"
        self.page.goto(self.server.address(self.name) + ("?reset" if is_lab and reset else ""))
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        self.wait_for_kernel()
        return self

    def wait_for_kernel(self) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(f"() => ({STATUS})() === 'idle'", timeout=60_000)

    def command(self, name: str, arguments: str = "{}") -> None:
        """Run one of the application's commands, and don't wait for its end."""
        self.page.evaluate(f"() => void window.jupyterapp.commands.execute('{name}', {arguments})")

    def run_all(self) -> None:
        """Run all cells."""
        self.command("notebook:run-all-cells")

    def restart_and_run_all(self) -> None:
        """Restart the kernel and run all cells, as its menu does."""
        self.command("notebook:restart-run-all")
        self.accept()

    def restart(self) -> None:
        """Restart the kernel."""
        self.command("notebook:restart-kernel")
        self.accept()

    def accept(self) -> None:
        """Accept the dialog that asks whether it is meant."""
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def save(self) -> dict[str, Any]:
        """Save, and return the file's content."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        content: dict[str, Any] = json.loads((self.server.folder / self.name).read_text())
        return content

    def cell(self, position: int) -> Locator:
        """The cell at a position, counting code cells from 0."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(position)

    def badge(self, position: int) -> Locator:
        """The badge of a cell."""
        return self.cell(position).locator("> .nbcache-badge")

    def see(self, position: int, state: str) -> Locator:
        """Wait until a cell's badge shows a state."""
        badge = self.badge(position)
        expect(badge).to_have_attribute("data-state", state)
        return badge

    def act(self, position: int, action: str) -> None:
        """Click a button of a badge."""
        self.badge(position).locator(f'[data-action="{action}"]').first.click()

    def output(self, position: int) -> str:
        """The text of a cell's output."""
        return self.cell(position).locator(".jp-OutputArea-output").inner_text().strip()

    def type_into(self, position: int, text: str) -> None:
        """Replace a cell's text by typing."""
        self.cell(position).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def select(self, position: int) -> None:
        """Make a cell the active one, in command mode."""
        self.cell(position).locator(".jp-InputPrompt").click()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something holds."""
        for _ in range(300):
            if is_so():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("it never came to hold")
