"""One file a family of types: how it is fingerprinted, reduced and patched."""
