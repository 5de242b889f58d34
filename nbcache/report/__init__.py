"""How events are told to a person: a line, a badge, a table, the reasons; pure functions."""

from nbcache.report.html import state_icon, static_html, status_html, table_html
from nbcache.report.lines import default_reason, format_age, format_bytes, status_line, why_text
from nbcache.report.tables import align, summary, table

__all__ = [
    "align",
    "default_reason",
    "format_age",
    "format_bytes",
    "state_icon",
    "static_html",
    "status_html",
    "status_line",
    "summary",
    "table",
    "table_html",
    "why_text",
]
