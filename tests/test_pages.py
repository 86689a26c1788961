"""README.md and docs/: their commands are tried, and what they name is there.

The ``bash`` blocks run in bash, in an empty folder where every program is a stand-in
that writes down how it was called. What is called of this package is then parsed as by
the command itself, to a Plan; nothing is trained.
"""

import ast
import configparser
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import NamedTuple

import command
import numpy as np
import pytest
import test_imports
from absl import flags
from flax import traverse_util
from selfme_jax.configs import base

from selfme_jax import __main__, prepare
from selfme_jax.data import registry as datasets
from selfme_jax.data.releases import registry as releases
from selfme_jax.run import config, table_rows
from selfme_jax.types import UserError

ROOT = command.ROOT
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
BLOCKS = [
    pytest.param(name, block, id=f"{name}-{number}")
    for name, text in PAGES.items()
    for number, block in enumerate(
        re.findall(r"^```bash\n(.*?)^```$", text, re.M | re.S)
    )
]
# Programs that are not ours. Pages may call no others.
OTHERS = (
    *("bash", "docker", "ffmpeg", "gcloud", "git", "kubectl", "mkdocs", "pip"),
    *("sbatch", "scancel", "sha256sum", "tar", "tensorboard"),
)
OURS = ("python", "selfme")
# The commands of this page run against stubs of the services: tests/launch.
PODS = "docs/pods.md"
MADE = {"selfme_jax/systems/motion_energy.py"}  # by the reader of docs/new_system.md
KEYS = traverse_util.flatten_dict(base.get_config().to_dict(), sep=".")
VIDEO = "video"  # the one kind of data that has no labels


WRONG = (AssertionError, AttributeError, OSError, flags.Error, UserError)


class Call(NamedTuple):
    """A program as a page calls it."""

    program: str
    words: list[str]


@pytest.fixture
def shell(tmp_path):
    """Runs a block; what it calls."""
    programs, tree, log = (tmp_path / name for name in ("bin", "tree", "log"))
    programs.mkdir()
    (tree / "launch").mkdir(parents=True)
    (tree / "exported/fold").mkdir(parents=True)  # as docs/export.md makes it
    bash = shutil.which("bash")
    stand_in = f'#!{bash}\nprintf "%s\\0" $# "${{0##*/}}" "$@" >> {log}\n'
    scripts = [path.name for path in (ROOT / "launch").iterdir()]
    for path in (
        *(programs / name for name in (*OTHERS, *OURS)),
        *(tree / "launch" / name for name in scripts),
    ):
        path.write_text(stand_in)
        path.chmod(0o755)

    def run(block: str) -> list[Call]:
        done = subprocess.run(
            [bash, "-euo", "pipefail", "-c", block],
            cwd=tree,
            env={"PATH": str(programs), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        words = log.read_text().split("\0")[:-1] if log.exists() else []
        calls = []
        while words:
            count = int(words[0])
            calls.append(Call(words[1], words[2 : 2 + count]))
            words = words[2 + count :]
        return calls

    return run


@contextmanager
def flags_alone(name: str):
    """The flags of one command, with no other's beside them, as in its own process."""
    module, argv = importlib.import_module(f"selfme_jax.{name}"), sys.argv
    before = set(flags.FLAGS)
    try:
        module.define()
        yield
    finally:
        sys.argv = argv
        flags.FLAGS.unparse_flags()
        for flag in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, flag)
        for flag in before:
            flags.FLAGS[flag].unparse()


def check(name: str, words: list[str]) -> None:
    """That the command ``name`` takes these words, and finds what they name."""
    assert name in __main__.COMMANDS
    with flags_alone(name):
        sys.argv = [name, *words]
        given = flags.FLAGS
        _, *positional = given(config.located(sys.argv))
        if "config" in given:
            plan = config.given().plan()
            assert set(plan.data.split("+")) <= {*datasets.LOADERS, VIDEO}
        {
            "main": check_main,
            "prepare": check_prepare,
            "tables": check_tables,
            "compare": check_compare,
            "export": check_export,
        }.get(name, print)(given, *positional)


def check_main(given):
    assert set(given.stages) <= set(importlib.import_module("selfme_jax.main").STAGES)


def check_prepare(given, name):
    assert name in prepare.DATASETS
    if name == "synthetic":
        assert given.output
        assert given["as"].value in (*releases.NAMES, VIDEO)
    else:
        assert given.source
    if name in releases.NAMES and given["classes"].present:
        assert given.classes in releases.numbers(name)


def check_tables(given):
    assert given.table
    assert set(given.table) <= set(table_rows.TABLES)
    assert config.given().plan().task == "recognition"


def check_compare(given, *runs):
    assert len(runs) > 1


def check_export(given):
    assert given.workdir and given.output
    assert bool(given.fold) != given.refit


def check_python(words: list[str]) -> None:
    """A module of this package, or a script that is there and knows the flags."""
    if words[0] == "-m":
        package, _, name = words[1].partition(".")
        assert package == "selfme_jax"
        name, *rest = (name, *words[2:]) if name else words[2:]
        check(name, rest)
    elif words[0] != "run.py":  # of an export: tests/exporting
        text = (ROOT / words[0]).read_text()
        for word in words[1:]:
            assert f'"{word.split("=")[0]}"' in text, word


def check_launch(page: str, script: str, words: list[str]) -> None:
    """A script of launch/: what it hands to this package is taken there."""
    if script == "demo.sh":
        for name in ("synthetic_pretraining", "synthetic"):
            check("main", [f"--config={name}", *words])
    elif script == "test.sh":
        assert not words
    else:
        assert page == PODS, "tests/launch runs the commands of that page alone"
        check_handed_on(words)


def check_handed_on(words: list[str]) -> None:
    """[COMMAND] --config=... among the words of a launcher."""
    for number, word in enumerate(words):
        if word in __main__.COMMANDS:
            return check(word, words[number + 1 :])
        if word.startswith("--config"):
            return check("main", words[number:])
    return None


def check_pip(words: list[str]) -> None:
    """Extras and constraints that are there."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for word in words:
        for extras in re.findall(r"\[(.*)\]", word):
            assert set(extras.split(",")) <= set(setup["options.extras_require"])
        if word.startswith("constraints/"):
            assert (ROOT / word).is_file()


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_every_command_is_taken(page, block, shell):
    # That system is made, and trained, by tests/test_new_system.py.
    for program, words in shell(block.replace("=motion_energy", "=scvit")):
        if program == "python":
            check_python(words)
        elif program == "selfme":
            check(words[0], words[1:])
        elif program == "pip":
            check_pip(words)
        elif program in OTHERS:
            check_handed_on([w for w in words if page == PODS])
        else:
            check_launch(page, program, words)


def test_the_blocks_are_all_of_them():
    shown = sum(text.count("```bash") for text in PAGES.values())
    assert shown == len(BLOCKS) > 30


@pytest.mark.parametrize(
    "block",
    [
        "python -m selfme_jax.main --config=synthetic --config.motion.stesp=3",
        "python -m selfme_jax.main --config=no_such_config",
        "python -m selfme_jax.main --config=synthetic --config.method=vgg61",
        "python -m selfme_jax.main --config=synthetic --workdri=runs/a",
        "python -m selfme_jax.main --config=synthetic --stages=motions",
        "python -m selfme_jax.main --config=casme2 --config.data.name=casme22",
        "python -m selfme_jax.tables --config=synthetic --table=soda",
        "python -m selfme_jax.prepare casme22 --source=DIR",
        "python -m selfme_jax.prepare casme2 --source=DIR --classes=6",
        "python -m selfme_jax.prepare casme2 --source=DIR --detector",
        "python -m selfme_jax.export --workdir=a --output=b",
        "python -m selfme_jax.compare runs/a",
        "python -m selfme_jax.trian --config=synthetic",
        "selfme trian --config=synthetic",
        "python tests/benchmarks/speed.py --no_such_flag",
        "python tests/benchmarks/no_such.py",
        "launch/demo.sh --config.no_such=3",
        "launch/no_such.sh",
        "pip install '.[no_such]'",
        "curl example.org",
    ],
)
def test_a_wrong_command_is_seen(block, shell):
    with pytest.raises(WRONG):
        test_every_command_is_taken("README.md", block, shell)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page):
    text = PAGES[page]
    for key in re.findall(r"--config\.([a-z_0-9.]*[a-z_0-9])", text):
        assert any(f"{known}.".startswith(f"{key}.") for known in KEYS), key
    for name in re.findall(r"--config=([a-z_0-9]+)\b(?![./])", text):
        assert name in config.shipped(), name
    named = (
        r"(?<![\w./~-])((?:selfme_jax|configs|launch|tests|docs|constraints)/[\w./]*\w)"
    )
    for path in {*re.findall(named, text)} - MADE:
        if "NAME" in path:
            continue
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`python -m selfme_jax\.(\w+)", text):
        assert name in __main__.COMMANDS, name


SOURCES = [
    path.relative_to(ROOT).as_posix()
    for top in ("selfme_jax", "configs", "docs", "launch")
    for path in sorted((ROOT / top).rglob("*"))
    if path.suffix in (".py", ".md", ".sh", ".sbatch")
]


@pytest.mark.parametrize("source", SOURCES)
def test_modules_that_are_named_are_there(source):
    """In prose and docstrings: 'train/pod.py', 'configs/base.py'."""
    path = ROOT / source
    places = (ROOT, ROOT / "selfme_jax", ROOT / "selfme_jax/data", path.parent)
    found = re.findall(
        r"(?<![\w./-])[a-z_]+/[a-z_/]*[a-z_0-9]+\.py\b", path.read_text()
    )
    for name in {*found} - MADE:
        assert any((place / name).is_file() for place in places), name


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_use_what_is_there(page):
    for block in re.findall(r"^```python\n(.*?)^```$", PAGES[page], re.M | re.S):
        tree = ast.parse(block.replace("    MOTION_ENERGY,\n", ""), page)
        ours = [n for n in tree.body if "import selfme" in ast.unparse(n)]
        ours += [n for n in tree.body if "from selfme" in ast.unparse(n)]
        names: dict = {}
        exec(compile(ast.Module(ours, []), page, "exec"), names)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in names:
                assert hasattr(names[ast.unparse(node.value)], node.attr), block


def test_the_example_of_the_operations_runs():
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGES["docs/api.md"], re.M | re.S)
    draw = np.random.default_rng(0)
    names = {
        "points": draw.uniform(-1, 1, (5, 2)).astype(np.float32),
        "displacements": draw.normal(0, 0.1, (5, 2)).astype(np.float32),
        "image": draw.uniform(0, 1, (256, 256, 3)).astype(np.float32),
    }
    exec(block, names)
    assert names["flow"].shape == (256, 256, 2)
    assert names["moved"].shape == (256, 256, 3)
    assert float(np.abs(names["moved"] - names["image"]).max()) > 0.1


def test_the_readme_is_read_in_three_minutes():
    assert len(PAGES["README.md"].splitlines()) <= 130


def test_the_start_page_has_every_config_and_command():
    text = PAGES["docs/start.md"]
    for name in config.shipped():
        assert f"`{name}`" in text or name == "base", name
    for name in __main__.COMMANDS:
        assert f"`python -m selfme_jax.{name}`" in text, name


def test_the_architecture_page_has_the_law():
    text = PAGES["docs/architecture.md"]
    rows = re.findall(r"^\| `(\w+)` \| .*? \| ?(.*?) ?\|$", text, re.M)
    law = {room: set(re.findall(r"\w+", others)) for room, others in rows}
    assert law == test_imports.LAW
    (drawn,) = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
    lines = [set(re.findall(r"\w+", line)) for line in drawn.splitlines()]
    above, *rooms = lines
    assert set(__main__.COMMANDS) <= above
    height = {room: -number for number, line in enumerate(rooms) for room in line}
    assert set(height) == set(law)
    for room, others in law.items():
        assert all(height[other] < height[room] for other in others), room


def test_the_site_is_built_without_a_warning(tmp_path):
    for name in ("mkdocs", "material", "mkdocstrings"):
        if not importlib.util.find_spec(name):
            pytest.skip(f"no {name} here: pip install '.[docs]'")
    build = (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir")
    done = subprocess.run(
        [*build, tmp_path / "site"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pages = {p.parent.name: p.read_text() for p in tmp_path.glob("site/**/index.html")}
    assert set(pages) == {"site", *(p[5:-3] for p in PAGES if p.startswith("docs/"))}
    assert "Is it for me?" in pages["site"]
    assert "selfme_jax.classifier.losses.symmetric_contrastive" in pages["api"]
    for page in pages.values():  # nobody is told who reads them
        assert not re.search(
            r"<(?:script|link|img)[^>]*(?:src|href)=\"?(?:https?:)?//", page
        )
