"""Lines and texts of code that a cell can see: moved by a comment in an earlier cell."""

from __future__ import annotations

from staleness import Case

MOVED = ("# here", "# here\n# and here")
REWORDED = ("# here", "# there")
F = "# here\ndef f(): 1 / 0\n---\n"

# fmt: off
SHOWN = [
    ("a formatted error", F + "@import traceback, re\ntry: f()\nexcept Exception: print(re.findall(r'line \\d+, in f', traceback.format_exc()))"),
    ("a formatted error in a function", "import traceback\ndef g():\n    try: f()\n    except Exception: return traceback.format_exc().split(', in f')[0][-2:]\n---\n" + F + "@print(g())"),
    ("the lines of a stack", "import traceback\n# here\ndef f(): return traceback.extract_stack()[-1].lineno\n---\n@print(f())"),
    ("the line of a traceback", F + "@try: f()\nexcept Exception as e: print(e.__traceback__.tb_next.tb_lineno)"),
    ("the line of a recorded warning", "import warnings\nwarnings.simplefilter('always')\n# here\ndef f(): warnings.warn('w')\n---\n@with warnings.catch_warnings(record=True) as w: f()\nprint(w[0].lineno)"),
    ("the line of a warning that is shown", "import warnings\nwarnings.simplefilter('always')\nwarnings.formatwarning = lambda m, c, f, l, line=None: f'{l}'\n# here\ndef f(): warnings.warn('w')\n---\n@f()"),
    ("the line of a log record", "import logging, sys\nlogging.basicConfig(format='%(lineno)d', stream=sys.stdout, force=True)\n# here\ndef f(): logging.warning('a')\n---\n@f()"),
    ("the first line of code", "# here\ndef f(): return 1\n---\n@print(f.__code__.co_firstlineno)"),
    ("the first line of code by a getter", "import operator\ng = operator.attrgetter('__code__.co_firstlineno')\n# here\ndef f(): return 1\n---\n@print(g(f))"),
    ("the lines of a disassembly", "import dis\n# here\ndef f(): return 1\n---\n@print(list(dis.findlinestarts(f.__code__))[0])"),
    ("the lines in a profile", "import cProfile, pstats\n# here\ndef f(): return 1\n---\n@p = cProfile.Profile(); p.runcall(f)\nprint([k[1] for k in pstats.Stats(p).stats if k[2] == 'f']); del p"),
    ("a failing test", "import unittest\n# here\nclass T(unittest.TestCase):\n    def test_a(self): assert 0\n---\n@import io; s = io.StringIO()\nunittest.TextTestRunner(stream=s).run(unittest.defaultTestLoader.loadTestsFromTestCase(T));\nprint('line 4' in s.getvalue()); del s"),
]
TEXTS = [
    ("the source of a function", "import inspect\ndef f(): return 1  # here\n---\n@print(inspect.getsource(f))"),
    ("the source under another name", "from inspect import getsource as gs\ndef f(): return 1  # here\n---\n@print(gs(f))"),
    ("the source in a function", "import inspect\ndef show(o): return inspect.getsource(o)\n---\ndef f(): return 1  # here\n---\n@print(show(f))"),
    ("a comment above a function", "import inspect\n# here\ndef f(): return 1\n---\n@print(inspect.getcomments(f))"),
    ("a line of the own text", "@import traceback\ntry: 1 / 0  # here\nexcept Exception: print(traceback.format_exc()[-60:])"),
]

CASES = [
    Case("the line of a frame's record", "import inspect\n# here\ndef f(): return inspect.getframeinfo(inspect.currentframe()).lineno\n---\n@print(f())", MOVED, needless="every variable counts"),
    *(Case(name, text, MOVED) for name, text in SHOWN),
    *(Case(name, text, REWORDED) for name, text in TEXTS),
    Case("the line in a handler of one's own", "import logging\nclass H(logging.Handler):\n    def emit(self, r): print(r.lineno)\nl = logging.getLogger('zl'); l.addHandler(H()); l.propagate = False\n# here\ndef f(): l.warning('a')\n---\n@f()", MOVED, refused=True),
    Case("the table of texts", "import linecache\nx = 1  # here\n---\n@print([v for v in linecache.cache.values() if 'x = 1' in str(v)][0][2])", REWORDED, refused=True),
    Case("lines that nobody sees", "# here\nimport warnings, logging\ndef f(): return logging.getLogger('zl').info('a')\n---\n@print(f())", ("return", "return 0 and"), MOVED),
]
