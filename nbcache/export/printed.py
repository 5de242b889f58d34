"""PDF printed by a browser that is installed here, where nbconvert would download one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from nbconvert.exporters import WebPDFExporter

_BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
_PATIENCE = 180.0
"""Seconds that a browser may take for one document."""


def find_browser() -> str:
    """Return the path of a browser that can print; empty if there is none."""
    return next((path for name in _BROWSERS if (path := shutil.which(name))), "")


class BrowserPDFExporter(WebPDFExporter):
    """PDF of the HTML page, as the browser prints it; without one it is as nbconvert's."""

    export_from_notebook = "PDF printed by a browser"

    def run_playwright(self, html: str) -> bytes:
        """Return the PDF of a page's text."""
        browser = find_browser()
        if not browser:
            printed: bytes = super().run_playwright(html)
            return printed
        with tempfile.TemporaryDirectory() as folder:
            page, document = Path(folder, "page.html"), Path(folder, "page.pdf")
            page.write_text(html, encoding="utf-8")
            _print(browser, page, document, folder)
            return document.read_bytes()


def _print(browser: str, page: Path, document: Path, folder: str) -> None:
    """Let the browser print; raises ``RuntimeError`` if it does not."""
    command = [browser, "--headless", "--disable-gpu", "--no-pdf-header-footer"]
    command += [f"--user-data-dir={folder}/profile", f"--print-to-pdf={document}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--no-sandbox")  # a browser of root's starts in no other way
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, timeout=_PATIENCE, check=False
    )
    if done.returncode or not document.is_file():
        told = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"{browser} printed nothing: {told[-1]}")
