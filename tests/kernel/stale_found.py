"""What once was served stale, found by trying: each of these cells has at most five lines."""

from __future__ import annotations

from staleness import Case

X = ("x = 1", "x = 2")

# fmt: off
FOUND = [
    ("a ufunc of a function", "import numpy as np\nx = 1\nu = np.frompyfunc(lambda a: a + x, 1, 1)\n---\n@print(u(np.arange(2)))"),
    ("numpy's error callback", "import numpy as np\nx = 1\nnp.seterr(divide='call'); np.seterrcall(lambda a, b: print('called', x));\n---\n@np.float64(1) / 0;\n---\nnp.seterr(divide='warn'); np.seterrcall(None);"),
    ("numpy's formatter over a variable", "import numpy as np\nx = 1\nnp.set_printoptions(formatter={'float': lambda v: f'<{x}>'})\n---\n@print(np.array([1.0]))\n---\nnp.set_printoptions(formatter=None)"),
    ("decimal's default context", "import decimal\nx = 1\ndecimal.DefaultContext.prec = x + 5\n---\n@print(decimal.Context().prec)\n---\ndecimal.DefaultContext.prec = 28"),
    ("the socket timeout set in a function", "import socket\nx = 1\ndef go(): socket.setdefaulttimeout(x)\ngo()\n---\n@print(socket.getdefaulttimeout())\n---\nsocket.setdefaulttimeout(None)"),
    ("the recursion limit that is hit", "import sys\nx = 1\nsys.setrecursionlimit([600, 900][x - 1])\n---\n@def f(n=0):\n    try: return f(n + 1)\n    except RecursionError: return n\nprint(f() // 300)"),
    ("a disabled garbage collector", "import gc\nx = 1\nif x == 2: gc.disable()\n---\n@print(gc.isenabled())\n---\ngc.enable()"),
    ("the number of environment variables", "import os\nx = 1\nif x == 2: os.environ['ZR'] = '1'\n---\n@print(len(os.environ) - len([k for k in os.environ if k[0] != 'Z']))"),
    ("a new variable among all", "import os\nx = 1\nif x == 2: os.environ['APP_ZR'] = '1'\n---\n@print([k for k in os.environ if k.startswith('APP_')])"),
    ("os.environ under another name", "import os\nx = 1\ne = os.environ\ne['ZA'] = str(x)\n---\n@print(e['ZA'])"),
    ("os.access", "import os\nx = 1\nopen('d', 'w').close(); os.chmod('d', [0o600, 0o755][x - 1])\n---\n@print(os.access('d', os.X_OK))"),
    ("a path in bytes", "import ctypes\nx = 1\nopen('{far}/d.txt', 'w').write(f'v{x}');\n---\n@c = ctypes.CDLL(None); b = ctypes.create_string_buffer(9)\nf = c.open(b'{far}/d.txt', 0); c.read(f, b, 8); c.close(f)\nprint(b.value); del c, b"),
    ("a script that reads elsewhere", "x = 1\nopen('{far}/d.txt', 'w').write(f'v{x}')\nopen('s.sh', 'w').write('cd {far}; cat d.txt')\n---\n@!sh s.sh"),
    ("a program that reads elsewhere", "x = 1\nopen('{far}/d.txt', 'w').write(f'v{x}')\nopen('s.py', 'w').write(\"print(open('{far}' + '/d.txt').read())\")\n---\n@import subprocess, sys\nprint(subprocess.run([sys.executable, 's.py'], capture_output=True).stdout)"),
    ("a module in an archive", "import zipfile, sys, os\nx = 1\nwith zipfile.ZipFile('{m}.zip', 'w') as z: z.writestr(zipfile.ZipInfo('{m}z.py', (1980, 1, 1, 0, 0, 0)), f'def f(): return {x}')\nsys.path.insert(0, os.path.abspath('{m}.zip'))\nimport {m}z\n---\n@print({m}z.f())"),
    ("a module made by hand", "import sys, types\nx = 1\nk = types.ModuleType('{m}r'); exec(f'def f(): return {x}', k.__dict__)\nsys.modules['{m}r'] = k; del k\n---\n@import {m}r\nprint({m}r.f())"),
]

CASES = [
    Case("a function over variables of its own", "x = 1\nns = {'x': x, 'y': 0, 'o': object()}\nexec('def f(): return x', ns)\nf = ns['f']; del ns\n---\n@print(f())", X),
    *(Case(name, text, X) for name, text in FOUND),
    Case("a function's module", "x = 1\nf = lambda: 0\n---\n@import inspect\nprint(inspect.getmodule(f).x)", X, needless="every variable counts"),
    Case("the shell's history", "x = 1\n---\n@print(get_ipython().history_manager.input_hist_raw[-2])", X, needless="every earlier text counts"),
]
