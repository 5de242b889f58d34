"""Where entries live: stores move bytes under a name and decide nothing."""
