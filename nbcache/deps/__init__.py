"""What a run depended on besides the values named in its cell."""
