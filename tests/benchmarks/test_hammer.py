"""Eight processes at one store for a minute."""

import sys

from hammer import check, hammer, told

SECONDS = 60.0


def test_a_minute_of_eight_processes_gives_no_wrong_value(tmp_path):
    """Reads, writes, prunes and clears of eight processes give no error and no wrong value."""
    places = tmp_path / "store", tmp_path / "keys"
    found, errors = hammer(SECONDS, *places)
    sys.stdout.write(f"\n{told(found, SECONDS)}\n")
    check(found, errors, *places)
