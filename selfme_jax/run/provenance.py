"""How a score came about: what stands beside it in results.json and on the page."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from selfme_jax import __version__, files, workdir
from selfme_jax.data import manifest, people
from selfme_jax.data import protocol as data_protocol
from selfme_jax.run import made_from
from selfme_jax.run.plan import Plan
from selfme_jax.systems.builtin import BUILTIN
from selfme_jax.train import log, parallel
from selfme_jax.types import Dataset, Sample, UserError
from selfme_jax.workdir import Workdir

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint")


def protocol(
    plan: Plan, run: Workdir, dataset: Dataset, samples: Sequence[Sample]
) -> dict[str, Any]:
    """The ``protocol`` of results.json.

    Args:
      run: workdir. dataset: what the plan names.
      samples: its samples, as they are used.
    """
    names = {s.dataset for s in samples}
    learned = plan.input.learns
    init = plan.init if plan.input.starts else ""
    scope = plan.scope if learned else f"none ({plan.input.words})"
    line = list(ancestors(run)) if init else []
    met = True if scope == "all_subjects" else met_before(line, samples)
    name = {
        "loso": "LOSO" if len(names) == 1 else "composite LOSO",
        "leave_one_dataset_out": "leave one dataset out (trained on the other ones)",
        "hold_out": f"hold-out (tested on {plan.protocol.test}, trained on the others)",
    }[plan.protocol.split]
    rule = plan.protocol.epochs
    if plan.settings["start"]:
        rule = "started"
    off = plan.settings["data"]["key_frames_off"]
    return {
        "name": name,
        "score": plan.protocol.score,
        "epoch_rule": plan.system.untrained(plan.own) or rule,
        "motion_scope": scope,
        "motion_seeds": len(plan.motion_seeds) if learned else 0,
        "motion_init": init,
        "pretrained_weights": weights_when_used(plan, run),
        "labels_shuffled": plan.shuffle_labels,
        "saw_test_subject": met,
        "videos_unchecked": any(data == "video" for _, data in line),
        "imitation": getattr(dataset, "imitation", False),
        "doubles": people.told(samples),
        "partial": data_protocol.partial(samples, dataset.classes),
        **({"key_frames_off": off} if off else {}),
    }


def weights_used(plan: Plan) -> str:
    """The file that a method's weights come from, by name and hash; '' = drawn.

    Raises:
      UserError: it is no longer there.
    """
    path = plan.own.get("weights", "") or plan.system.shipped
    if plan.settings["start"]:
        path = BUILTIN.shipped
    if not path:
        return ""
    try:
        with files.path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"cannot read {path} (config.{plan.system.name}.weights): results name it "
            "by its hash. Put it back."
        ) from error
    return f"{Path(path).name} (sha256 {digest[:12]})"


def weights_when_used(plan: Plan, run: Workdir) -> str:
    """The same, of when the predictions were made.

    Raises:
      UserError: the file is another one by now.
    """
    used = made_from.read(run).get("weights", "")
    now = weights_used(plan)
    if now != used:
        raise UserError(
            f"the predictions in {run.folder} were made from {used or 'no weights'}, "
            f"and config.{plan.system.name}.weights is {now or 'none'} now.\n"
            "Put the file back, or choose another --workdir."
        )
    return used


def ancestors(run: Workdir) -> Iterator[tuple[Workdir, str]]:
    """(workdir, config.data.name) of those a run started from, the last one first."""
    while (run := run.start).config.exists():
        config = workdir.read_json(run.config)
        try:
            yield run, config["data"]["name"]
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{run.config} is no config of a run. Choose another --workdir."
            ) from error


def met_before(
    line: Iterable[tuple[Workdir, str]], samples: Sequence[Sample]
) -> bool | None:
    """Whether one of ``ancestors`` met somebody of these, by name; None = unchecked.

    Of people in videos nothing is known (``videos_unchecked``). Of those in any other
    data a manifest must be there, or nothing can be said.
    """
    line = list(line)
    paths = [run.manifest for run, _ in line]
    met = {p for path in paths if path.exists() for p in manifest.people(path)}
    if any(s.person in met for s in samples):
        return True
    lacking = [
        run for run, kind in line if kind != "video" and not run.manifest.exists()
    ]
    return None if lacking else False


def origin(run: Workdir, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Where the numbers of a workdir come from: hashes, versions, device, time."""
    rows = log.read(run.metrics)
    text = json.dumps(settings, sort_keys=True)
    labelled = run.manifest.exists()  # else: frames without labels
    samples = (run.manifest if labelled else run.clips).read_bytes()
    return {
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "manifest_sha256": hashlib.sha256(samples).hexdigest(),
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
