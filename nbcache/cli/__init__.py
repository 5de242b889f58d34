"""The command line: `jupyter nbcache`."""
