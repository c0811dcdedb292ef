"""What a chapter needs to stand alone, as cells: the modules of the book's package that it imports,
and a word on packages of other people.
"""

import ast
import base64
import functools
import re
import sys
import textwrap
import tomllib
from importlib.metadata import packages_distributions

from sphinx.errors import ConfigError

from fingerprint import path_of
from pages import PACKAGE, ROOT

PROVIDE = '''\
import atexit
import base64
import sys
import tempfile
from pathlib import Path

# Where these cells ran before, what they change now is to be imported anew.
for name in [*sys.modules]:
    if name.partition(".")[0] == "unrolled":
        del sys.modules[name]

home = tempfile.TemporaryDirectory(prefix="unrolled-")
atexit.register(home.cleanup)
sys.path.insert(0, home.name)


def provide(name, content):
    """Write a file of the package `unrolled`."""
    path = Path(home.name, "unrolled", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())'''

MISSING = """
needed = [
{needed}]


def numbers(version):
    \"\"\"Those of a version, to compare.\"\"\"
    return [int(number) for number in re.findall("[0-9]+", version)]


def fits(wish):
    \"\"\"Whether a package is here, and is not too old.\"\"\"
    name, _, least = wish.partition(">=")
    try:
        return numbers(version(name)) >= numbers(least)
    except PackageNotFoundError:
        return False


missing = [wish for wish in needed if not fits(wish)]
if missing:
"""

INSTALL = f"""\
import re
import shlex
from importlib.metadata import PackageNotFoundError, version
{MISSING}    print("Missing here, or too old; to be installed:", *missing)
    %pip install --quiet {{{{shlex.join(missing)}}}}
    print("If cells below still find an old one: restart the kernel, and run all.")"""

REFUSE = f"""\
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
{MISSING}    wishes = shlex.join(missing)
    print("Error: packages are missing or too old: pip install", wishes, file=sys.stderr)
    sys.exit(2)"""


def module_source(name: str) -> str:
    """The code of a module of the package."""
    return path_of(name).read_text(encoding="utf-8")


# ------------------------------------------------------------------------ packages of other people

_distributions = functools.cache(packages_distributions)


@functools.cache
def _wishes() -> dict[str, str]:
    """What to ask pip for, by the name of the distribution."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wishes = [wish.partition(";")[0] for wish in project["project"]["dependencies"]]
    return {re.split("[<>=~ ]", wish)[0]: wish for wish in wishes}


def needed_packages(code: list[str]) -> list[str]:
    """What to ask pip for, for all that code imports from other people."""
    names = set()
    for node in (node for text in code for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    # Python's own from 3.14 on.
    own = sys.stdlib_module_names | {"unrolled", "__future__", "compression"}
    others = sorted(tops - own)
    distributions = [_distributions()[name][0] for name in others]
    return [_wishes().get(one, one) for one in distributions]


def check_packages(template: str, needed: list[str]) -> str:
    """A cell that looks for packages: ``INSTALL`` or ``REFUSE``."""
    return template.format(needed="".join(f'    "{wish}",\n' for wish in needed))


# ---------------------------------------------------------------------------- the book's package


def set_up(modules: list[str]) -> list[str]:
    """Cells that put modules of the package, and the text they read, where Python finds them."""
    sources = {
        path_of(name).relative_to(PACKAGE).as_posix(): module_source(name)
        for name in ["", *modules]
    }
    cells = [_quoted(name, source) for name, source in sources.items()]
    for path in sorted(PACKAGE.glob("data/*")):
        if any(path.name in source for source in sources.values()):
            content = base64.b64encode(path.read_bytes()).decode()
            lines = "\n".join(textwrap.wrap(content, 1000))
            name = f"data/{path.name}"
            cells.append(f"provide({name!r}, base64.b64decode('''\n{lines}\n'''))")
    return [PROVIDE, *cells]


def _quoted(name: str, source: str) -> str:
    """A module's source as a literal that a reader can read."""
    if "'''" in source:
        raise ConfigError(f"{name}: ''' ends the text that a notebook quotes")
    return f"provide({name!r}, r'''{source}''')"
