"""The differential harness: a notebook without nbcache against the same one with it."""
