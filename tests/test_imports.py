"""Imports go one way, and what only one place may know is known there only."""

import ast
from pathlib import Path

import pytest

import selfme_jax

ROOT = Path(selfme_jax.__file__).parent

# What each part may import, besides itself; a dotted name is that module alone.
LAW = {
    "types": set(),
    "extras": set(),
    "files": {"types", "extras"},
    "workdir": {"types", "files"},
    "ops": {"types"},
    "tensor_file": {"types", "files"},
    "motion": {"types", "ops", "tensor_file"},
    "classifier": {"types", "ops"},
    "baselines": {"types", "ops", "files"},
    "train": {"types", "files", "workdir", "ops"},
    "data": {"types", "extras", "files", "ops"},
    "evaluate": {"types", "files", "ops"},
    "targets": {"types", "files", "evaluate", "data"},
    "report": {"types", "files", "workdir", "ops", "evaluate", "targets"},
    "inputs": {
        *("types", "files", "ops", "tensor_file", "motion", "baselines", "train"),
    },
    "systems": {
        *("types", "files", "ops", "tensor_file", "classifier", "baselines"),
        *("train", "targets", "inputs"),
    },
    "configs": {"inputs", "systems"},
    "inference": {
        *("types", "files", "workdir", "ops", "motion", "train", "data"),
        *("inputs", "systems", "targets", "evaluate", "report"),
    },
    "exporting": {"types", "extras", "files", "train", "report", "inference"},
    "run": {
        *(
            "types",
            "extras",
            "files",
            "workdir",
            "ops",
            "motion",
            "train",
            "data",
            "evaluate",
        ),
        *("targets", "report", "inputs", "systems", "configs", "inference"),
    },
}
# What a user starts: they may import everything, and nobody imports them.
ENTRIES = ("main", "prepare", "predict", "app", "tables", "compare", "export")

CONFIG_READERS = ("configs", "run/config.py")
DEVICE_WORDS = {"pmap", "shard_map", "Mesh", "make_mesh", "NamedSharding", "pjit"}
DEVICE_CODE = "train/parallel.py"

# An import runs nothing: a module defines, it does not do.
DEFINITIONS = (
    *(ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)


def modules():
    """(path within the package, source) of every module."""
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for path in sorted(ROOT.parent.glob("configs/*.py")):
        yield path.relative_to(ROOT.parent).as_posix(), path.read_text("utf-8")


MODULES = dict(modules())


def part_of(path):
    """'ops/warp.py' -> 'ops', 'types.py' -> 'types', '__init__.py' -> ''."""
    part = Path(path).parts[0].removesuffix(".py")
    return "" if part == "__init__" else part


def imported(tree):
    """Dotted names that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def words(tree):
    """Identifiers that a module uses, comments and strings apart."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def runs_at_import(tree):
    """Statements at the top of a module that are more than definitions."""
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        guarded = isinstance(node, ast.If) and (
            "__name__" in ast.dump(node.test) or "TYPE_CHECKING" in ast.dump(node.test)
        )
        assigned = isinstance(node, ast.Assign | ast.AnnAssign)
        defines = isinstance(node, DEFINITIONS) or docstring or guarded
        if not defines or (assigned and makes_arrays(node)):
            yield ast.unparse(node)


def makes_arrays(node):
    """Whether a statement calls jnp or jax: that would start the device."""
    calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    return any(
        ast.unparse(f).startswith(("jnp.", "jax.numpy.", "jax.random.")) for f in calls
    )


def violations(path, source):
    """What of the law a module breaks, as sentences."""
    tree = ast.parse(source)
    part = part_of(path)
    entry = "/" not in path and part in (*ENTRIES, "__main__", "")
    for name in sorted(set(imported(tree))):
        top, _, rest = name.partition(".")
        if not top:
            yield "relative import"
        other = rest.partition(".")[0]
        inside = top == "selfme_jax" and other
        if (
            inside
            and not entry
            and other not in {part, *LAW.get(part, set()), "__version__"}
        ):
            yield f"{part} imports {other}"
        if top == "ml_collections" and not {part, path} & set(CONFIG_READERS):
            yield "ml_collections: only CONFIG_READERS"
        if top in ("flax", "optax", "orbax") and part == "ops":
            yield f"ops imports {top}: arrays in, arrays out"
    if path != DEVICE_CODE:
        for word in sorted(DEVICE_WORDS.intersection(words(tree))):
            yield f"{word}: devices are the business of {DEVICE_CODE}"
    for statement in runs_at_import(tree):
        yield f"runs at import: {statement}"


@pytest.mark.parametrize("path", MODULES)
def test_law(path):
    assert not list(violations(path, MODULES[path]))


def test_every_part_is_under_the_law():
    parts = {part_of(path) for path in MODULES} - {"", "__main__"}
    assert parts <= set(LAW) | set(ENTRIES)
    assert not [path for path in MODULES if Path(path).stem in ("utils", "helpers")]
    graph = {part: set(others) for part, others in LAW.items()}
    while graph:  # one way: some part is always free of those that are left
        free = [part for part, others in graph.items() if not others & set(graph)]
        assert free, f"a circle in {sorted(graph)}"
        for part in free:
            del graph[part]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ops/a.py", "from selfme_jax.motion import dense"),
        ("ops/a.py", "import selfme_jax.train.loop"),
        ("ops/a.py", "from selfme_jax import data"),
        ("ops/a.py", "def f():\n    from selfme_jax.data import registry"),
        ("ops/a.py", "from flax import linen as nn"),
        ("motion/a.py", "from selfme_jax.classifier import losses"),
        ("motion/a.py", "from . import dense"),
        ("types.py", "from selfme_jax.ops import grid"),
        ("train/step.py", "from selfme_jax.systems import deep"),
        ("train/step.py", "import jax\nf = jax.pmap(len)"),
        ("train/step.py", "from jax.sharding import Mesh"),
        ("data/a.py", "from ml_collections import ConfigDict"),
        ("data/a.py", "import ml_collections"),
        ("run/a.py", "from selfme_jax.main import main"),
        ("run/a.py", "from ml_collections import ConfigDict"),
        ("main.py", "import ml_collections"),
        ("newcomer.py", "from selfme_jax import types"),
        ("data/a.py", "print('hello')"),
        ("data/a.py", "for i in range(3):\n    pass"),
        ("ops/a.py", "import jax.numpy as jnp\nONE = jnp.ones(1)"),
    ],
)
def test_the_law_can_be_broken(path, source):
    assert list(violations(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("main.py", "from selfme_jax.run import build"),
        ("run/config.py", "import ml_collections"),
        ("configs/a.py", "from selfme_jax.systems import deep"),
        ("train/parallel.py", "import jax\nf = jax.pmap(len)"),
        ("train/step.py", '"""Under pmap this is mapped."""'),
        ("motion/a.py", "from selfme_jax import types\nfrom selfme_jax.ops import tps"),
        ("main.py", "if __name__ == '__main__':\n    print()"),
    ],
)
def test_the_law_allows(path, source):
    assert not list(violations(path, source))
