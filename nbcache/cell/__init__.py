"""The text of a cell: normal form, names and options (pure: ast and tokenize only)."""
