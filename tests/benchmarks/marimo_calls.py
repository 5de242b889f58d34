"""The calls of ``calls.py`` served by marimo's persistent cache, in an app that marimo runs."""

import json
import sys

import marimo

app = marimo.App()


@app.cell
def _():
    import sys

    import calls
    import marimo

    return calls, marimo, sys


@app.cell
def _(calls, sys):
    function, make, count = calls.CASES[sys.argv[1]]
    value = make()
    return count, function, value


@app.cell
def _(function, marimo, sys):
    @marimo.persistent_cache(save_path=f"{sys.argv[2]}/marimo")
    def cached(x):
        return function(x)

    return (cached,)


@app.cell
def _(cached, calls, count, value):
    cached(value), cached(value)
    found = calls.per_call({"marimo": lambda: cached(value)}, count)
    return (found,)


if __name__ == "__main__":
    _, definitions = app.run()
    json.dump(definitions["found"], sys.stdout)
