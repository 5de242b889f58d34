"""Calls of functions, and blocks of code, through the cache: read, served or recorded."""
