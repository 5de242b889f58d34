"""The Chromium of this machine, and how it is started without a screen."""

from __future__ import annotations

import shutil

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def find_browser() -> str | None:
    """Return the path of a Chromium of this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)
