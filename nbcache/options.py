"""The options of ``%%cache`` as one table, and how a line of them is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from nbcache.errors import OptionError
from nbcache.option_values import CODECS, FILE_CHECKS, LEVELS, TRISTATE, WORDS, Option, read

OPTIONS: Final[Mapping[str, Option]] = {
    option.name: option
    for option in (
        Option("ttl", "duration", "how long the result may be used: 90s, 1h30m, '1 day', never"),
        Option("refresh", "refresh", "true: run and overwrite; false: not even when all are; once"),
        Option("policy", "policy", "what makes up the key: \"INPUTS + SOURCE - 'debug'\""),
        Option("ignore", "names", "inputs to leave out of the key: ignore=debug,verbose"),
        Option("key", "value", "a key of one's own: a value, or a function of (context, inputs)"),
        Option("files", "list", "auto; off; patterns of more files: files=data/*.csv"),
        Option("file_check", "choice", "how files are compared", FILE_CHECKS),
        Option("ignore_path", "flag", "equal content at another path counts as equal"),
        Option("env", "list", "more variables: env=FOO,BAR; env=lock[:path] for the lock file"),
        Option("version", "text", "a salt: another version is another result"),
        Option("name", "text", "store under this name; no key is computed"),
        Option("off", "flag", "run the cell as if nbcache were not there"),
        Option("quiet", "flag", "show no badge"),
        Option("drop", "names", "names not to store: drop=tmp,conn"),
        Option("keep", "names", "the only names to store: keep=x,y"),
        Option("min_time", "duration", "store only runs that took at least this long: 0.5s"),
        Option("max_size", "size", "the largest result of a cell: 500MB; in settings, the store"),
        Option("max_entry_size", "size", "store no result that is larger, also in settings: 2GB"),
        Option(
            "max_age",
            "duration",
            "in settings: forget what was not used for longer: 30d",
        ),
        Option("pin", "flag", "keep this result whatever changes, until unpinned"),
        Option("store", "text", "where results live: a name, a folder or a URL"),
        Option("persist", "choice", "true: on disk; false: this kernel's memory", TRISTATE),
        Option("memory", "flag", "keep the result in this kernel's memory too"),
        Option("compression", "choice", "how values are stored", CODECS),
        Option("group", "text", "results of a group become visible together"),
        Option("isolation", "choice", "whether kernels wait for each other", LEVELS),
        Option("wait", "duration", "how long to wait for another kernel: 10m"),
        Option("require", "flag", "raise an error instead of running the cell"),
        Option("read_only", "flag", "use what is stored, store nothing"),
    )
}
"""Every option by name, in the order of the help."""

_SWITCHES: Final = {"on": ("off", False), "true": ("off", False), "false": ("off", True)}


def parse_options(line: str) -> dict[str, object]:
    """Read ``key=value``, ``--key value`` and bare flags; durations stay text.

    Raises :class:`OptionError` for options that are unknown, given twice or badly valued.
    """
    return dict(_parsed(line))


@lru_cache(maxsize=256)
def _parsed(line: str) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for name, value in _pairs(_tokens(line)):
        if name in found:
            raise OptionError(f"`{name}` is given twice. Keep one of them.")
        found[name] = read_value(name, value)
    return found


def read_options(options: Mapping[str, object]) -> dict[str, object]:
    """Check options that come as data: cell metadata, pyproject, traitlets, the environment."""
    return {canonical(name): read_value(canonical(name), v) for name, v in options.items()}


def is_meant(name: str) -> bool:
    """Tell whether a name is an option's, or looks like one that was misspelt."""
    if name in OPTIONS:
        return True
    import difflib  # others' names are rare

    return bool(difflib.get_close_matches(name, OPTIONS, n=1, cutoff=0.6))


def canonical(name: str) -> str:
    """Return the name of an option as the table has it, or raise with the nearest one."""
    word = name.replace("-", "_")
    if word in OPTIONS:
        return word
    import difflib  # a slip is rare

    if word in ("help", "h"):
        raise OptionError(f"Help is shown by `%%cache?`. Options: {', '.join(OPTIONS)}.")
    near = difflib.get_close_matches(word.lower(), OPTIONS, n=1, cutoff=0.5)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    raise OptionError(f"`{name}` is not an option.{hint} Options: {', '.join(OPTIONS)}.")


def read_value(name: str, value: object) -> object:
    """Return an option's value in its own type; a duration is checked but stays as it is."""
    return read(OPTIONS[name], value)


def _tokens(line: str) -> list[str]:
    """Split a line as a shell does, without its trailing comment."""
    import shlex

    lexer = shlex.shlex(_without_comment(line), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        return list(_joined(list(lexer)))
    except ValueError as problem:
        raise OptionError(f"The options `{line.strip()}` cannot be read: {problem}.") from None


def _without_comment(line: str) -> str:
    """Cut a line at the first ``#`` that starts a word outside of quotes."""
    quote, before = "", " "
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#" and before.isspace():
            return line[:index]
        before = character
    return line


def _joined(tokens: list[str]) -> Iterator[str]:
    """Join ``ttl = 60``, ``ignore=a, b`` and ``policy=INPUTS + SOURCE`` into single tokens."""
    current = ""
    for token in tokens:
        opens = current.endswith(("=", ",", "+")) or (current.endswith("-") and "=" in current)
        if current and (opens or token[0] in "=,+" or token == "-"):
            current += token
            continue
        if current:
            yield current
        current = token
    if current:
        yield current


def _pairs(tokens: list[str]) -> Iterator[tuple[str, object]]:
    """Yield options with their raw values; True for a bare flag."""
    if len(tokens) == 1 and tokens[0].lower() in _SWITCHES:
        yield _SWITCHES[tokens[0].lower()]
        return
    rest = list(reversed(tokens))
    while rest:
        token = rest.pop()
        name, joint, value = token.removeprefix("--").partition("=")
        if joint:
            yield canonical(name), value
        elif not token.startswith("--"):
            yield _bare(name), True
        elif name.startswith(("no-", "no_")) and _is_flag(name[3:]):
            yield canonical(name[3:]), False
        elif rest and (not _is_flag(name) or rest[-1].lower() in WORDS):
            yield canonical(name), rest.pop()
        else:
            yield canonical(name), True


def _is_flag(name: str) -> bool:
    option = OPTIONS.get(name.replace("-", "_"))
    return option is not None and option.kind in ("flag", "refresh")


def _bare(name: str) -> str:
    """Return the name of a flag; a stray word most likely belongs to the value before it."""
    try:
        return canonical(name)
    except OptionError as problem:
        hint = "A value with spaces needs quotes, a list needs commas."
        raise OptionError(f"{problem} {hint}") from None
