"""Live objects: one canonical walk shared by key, recording and replay."""
