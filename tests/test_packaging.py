"""What a user installs and runs first: wheel, constraints, scripts, licence."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import selfme_jax

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
SCRIPTS = (
    *("launch/test.sh", "launch/demo.sh", "launch/freeze.sh", ".ci/run"),
    *("launch/local_pod.sh", "launch/tpu_vm.sh", "launch/tpu_worker.sh"),
    *("launch/gke.sh", "launch/slurm.sbatch"),
)


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(text: str) -> list[Requirement]:
    lines = (line.strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Files of the checkout, new ones included, ignored ones not."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = (Path(name) for name in out.stdout.split("\0") if name)
    return [path for path in paths if (ROOT / path).is_file()]


@pytest.fixture(scope="module")
def wheel(tracked, tmp_path_factory) -> Path:
    """Wheel of a clean copy: a build in the checkout would leave files behind."""
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path_factory.mktemp("source")
    for path in tracked:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, source / path)
    place = tmp_path_factory.mktemp("wheel")
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    command = [sys.executable, "-m", "pip", "wheel", *offline, "-w", place, source]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_wheel_holds_the_package_and_nothing_else(wheel, tracked):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = f"selfme_jax-{selfme_jax.__version__}.dist-info/"
    package = {name for name in names if not name.startswith(info)}
    own = {p.as_posix() for p in tracked if p.parts[0] == "selfme_jax"}
    configs = {f"selfme_jax/{p}" for p in tracked if p.parts[0] == "configs"}
    assert package == own | configs
    assert info + "licenses/LICENSE" in names


def test_metadata_says_what_setup_cfg_and_citation_say(metadata):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert metadata["Name"] == "selfme-jax"
    assert metadata["Version"] == selfme_jax.__version__ == citation["version"]
    assert metadata["License-Expression"] == "Apache-2.0" == citation["license"]
    extras = set(metadata.get_all("Provides-Extra"))
    assert extras >= {"cuda", "tpu", "onnx", "landmarks", "test"}


def test_python_versions_agree_everywhere(metadata):
    supported = SpecifierSet(metadata["Requires-Python"])
    minors = [f"3.{minor}" for minor in range(8, 20)]
    assert tuple(v for v in minors if f"{v}.1" in supported) == PYTHONS
    files = {path.stem.removeprefix("py") for path in ROOT.glob("constraints/*.txt")}
    assert files == set(PYTHONS)
    classifiers = set(metadata.get_all("Classifier"))
    prefix = "Programming Language :: Python :: "
    assert {c.removeprefix(prefix) for c in classifiers if prefix in c} == set(PYTHONS)


def test_installed_wheel_imports_without_the_checkout(wheel, tmp_path):
    target = tmp_path / "site"
    offline = ["--no-deps", "--no-index", "--no-compile", "--target", target]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, wheel]
    subprocess.run(command, check=True, capture_output=True)
    # Every module, by import: none may need configs/, tests/ or a flag set.
    code = f"""
import sys
sys.path.insert(0, {str(target)!r})
import importlib, pkgutil, selfme_jax
for module in pkgutil.walk_packages(selfme_jax.__path__, "selfme_jax."):
    importlib.import_module(module.name)
print(selfme_jax.__file__)
"""
    command = [sys.executable, "-I", "-c", code]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(target / "selfme_jax" / "__init__.py")]


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_pin_every_requirement_within_its_bounds(python):
    config = setup_cfg()
    wanted = requirements(config["options"]["install_requires"])
    wanted += requirements(config["options.extras_require"]["test"])
    pins = {}
    for requirement in requirements((ROOT / f"constraints/py{python}.txt").read_text()):
        assert requirement.url is None
        (pin,) = requirement.specifier
        assert pin.operator == "==", requirement
        pins[canonicalize_name(requirement.name)] = Version(pin.version)
    if python == "3.11":  # pip freeze leaves setuptools out there
        pins.setdefault("setuptools", Version("80"))
    for requirement in wanted:
        pin = pins[canonicalize_name(requirement.name)]
        assert pin in requirement.specifier, (python, requirement, pin)
        bounds = [s for s in requirement.specifier if s.operator == ">="]
        assert bounds, f"{requirement}: no lower bound"


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_run_strictly_and_say_how(script):
    path = ROOT / script
    lines = path.read_text().splitlines()
    assert os.access(path, os.X_OK)
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# ")
    assert any(line.startswith("#   ") and path.name in line for line in lines)
    assert "set -euo pipefail" in lines
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize("script", ["launch/test.sh", "launch/demo.sh"])
@pytest.mark.parametrize(
    "python, message",
    [
        ("#!/bin/sh\necho 3.10\n", "is Python 3.10; 3.11 to 3.13 are supported"),
        ("#!/bin/sh\necho 3.14\n", "is Python 3.14; 3.11 to 3.13 are supported"),
        ("#!/bin/sh\n[ \"$2\" != 'import ensurepip, venv' ] && echo 3.12\n", "no venv"),
        ("#!/bin/sh\nexit 127\n", "does not run"),
    ],
)
def test_scripts_refuse_an_unfit_python(script, python, message, tmp_path):
    fake = tmp_path / "python3"
    fake.write_text(python)
    fake.chmod(0o755)
    env = {**os.environ, "PYTHON": str(fake)}
    run = subprocess.run([ROOT / script], env=env, capture_output=True, text=True)
    assert run.returncode == 2
    assert message in run.stderr
    assert "PYTHON" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_tracked_files_name_no_machine(tracked):
    forbidden = re.compile(
        r"(?<![\w.*-])/(?:root|work|home|Users|opt|mnt|tmp)/\w"
        r"|(?:extra-)?index[-_]url|find[-_]links|\bfile:/{2,}"
    )
    found = []
    for path in tracked:
        if path.name == Path(__file__).name:  # holds the patterns
            continue
        for number, line in enumerate((ROOT / path).read_bytes().splitlines(), 1):
            if match := forbidden.search(line.decode(errors="replace")):
                found.append(f"{path}:{number}: {match[0]}")
    assert not found


def test_names_of_tracked_files_are_those_of_any_system(tracked):
    """What a run left behind, such as a folder 'gs:', is none of them."""
    assert not [path for path in tracked if re.search(r"[^\w./+-]", str(path))]


def test_no_data_is_tracked(tracked):
    heavy = [p for p in tracked if (ROOT / p).stat().st_size > 500_000]
    # The network of facial landmarks (NOTICE beside it names its licence), the
    # built-in model and motion network, in which is no person.
    heavy.remove(Path("selfme_jax/data/faces/weights/face_mesh.tflite"))
    for own in ("builtin.safetensors", "motion.zip"):
        heavy.remove(Path("selfme_jax/inference/weights") / own)
    data = [p for p in tracked if p.suffix in {".npz", ".npy", ".xlsx", ".avi", ".mp4"}]
    assert not heavy
    assert not data
