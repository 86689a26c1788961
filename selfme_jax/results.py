"""results.json: every score recomputed from the files of a workdir, and its origin."""

import hashlib
import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from etils import epath

from selfme_jax import __version__
from selfme_jax.evaluate import floors, loso, predictions
from selfme_jax.train import log, parallel
from selfme_jax.types import UserError

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint")


def assemble(folder: epath.Path, config: dict, *, protocol: dict) -> dict:
    """The contents of results.json.

    Scores come from predictions.csv and floors.csv alone; running this again on
    them gives the same numbers.

    Args:
      folder: the workdir.
      config: nested dict of the run.
      protocol: of the run (``recognition.Session.protocol``).

    Returns:
      JSON-ready dict; see ``loso.summarise``, ``floors.summarise`` and
      ``loso.margins`` for its scores.

    Raises:
      UserError: predictions are missing (the classifier stage has not finished).
    """
    path = folder / "predictions.csv"
    if not path.exists():
        raise UserError(
            f"{folder} holds no predictions.csv. Run the stages motion,classifier."
        )
    options = {"resamples": config["bootstrap"], "rule": protocol["score"]}
    rows, floor = predictions.read(path), floors.read(folder / "floors.csv")
    return {
        **loso.summarise(rows, **options),
        "floors": floors.summarise(floor, **options),
        "margins": loso.margins(rows, floor, **options),
        "protocol": protocol,
        "provenance": provenance(folder, config),
    }


def provenance(folder: epath.Path, config: dict) -> dict:
    """Where the numbers of a workdir come from: hashes, versions, device, time."""
    rows = log.read(folder / "metrics.jsonl")
    text = json.dumps(config, sort_keys=True)
    manifest = folder / "manifest.csv"
    if not manifest.exists():  # frames without labels
        manifest = folder / "clips.json"
    manifest = manifest.read_bytes()
    return {
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "git": _git(),
        "versions": versions(),
        "device": parallel.describe(),
        "wall_seconds": round(sum(r["seconds"] for r in rows), 1),
    }


def versions() -> dict[str, str]:
    """Of Python, of this package and of those that numbers depend on."""
    return {
        "python": platform.python_version(),
        "selfme-jax": __version__,
        **{p: metadata.version(p) for p in _PACKAGES},
    }


def _git() -> str:
    """Commit of the checkout the package runs from ('+' = changed since), or ''."""

    def git(*words: str) -> str:
        place = Path(__file__).parent
        done = subprocess.run(
            ["git", "-C", str(place), *words], capture_output=True, text=True
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if not git("ls-files", "--", Path(__file__).name):
            return ""  # installed: the repository around it, if any, is another one
        commit = git("rev-parse", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "--", ".") else "")
    except OSError:  # no git here
        return ""
