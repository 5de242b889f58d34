"""``python -m nbcache.cli``: the same as ``jupyter nbcache``."""

import sys

from nbcache.cli.main import main

sys.exit(main())
