"""Many processes at one store for a few seconds; `make bench` does it for a minute."""

import sys

from hammer import check, hammer, told


def test_processes_at_one_store_get_no_wrong_value(tmp_path):
    """Storing, loading, listing, pruning and clearing at once give no error and no wrong value."""
    places = tmp_path / "store", tmp_path / "keys"
    found, errors = hammer(5.0, *places)
    sys.stdout.write(told(found, 5.0) + "\n")
    check(found, errors, *places)
