"""A motion network that an earlier run trained, and whom it was trained on."""

import atexit
import functools
import hashlib
import shlex
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
from etils import epath

from selfme_jax import files, workdir
from selfme_jax.files import differences
from selfme_jax.train import variables as arrays
from selfme_jax.train.checkpoint import Checkpoints
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir

REMEDY = (
    "Set --config.motion.init to the workdir of a finished pretraining run, or to "
    "builtin."
)
FREE = ("dtype", "remat")  # keys of the network that change no parameter
BUILTIN = "builtin"  # the value of config.motion.init that means the package's own
# The workdir of --config=builtin_motion, less its report: docs/motion.md packs it.
SHIPPED = Path(__file__).parents[1] / "inference" / "weights" / "motion.zip"


class Pretrained(NamedTuple):
    """variables: of the network, host arrays. run: that trained it."""

    variables: Any
    run: Workdir


def source(init: str) -> Workdir:
    """The run that config.motion.init names: a workdir, or that of the package."""
    return _shipped() if init == BUILTIN else workdir.open_workdir(init)


@functools.cache
def _shipped() -> Workdir:
    """Unpacked, until the process ends."""
    folder = tempfile.mkdtemp(prefix="selfme_motion_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with zipfile.ZipFile(SHIPPED) as packed:
        packed.extractall(folder)
    return workdir.open_workdir(folder)


def found(init: str, run: Workdir) -> Workdir:
    """Where the network that a run starts from is: its own copy, or the run ``init``.

    Raises:
      UserError: the two are not the same.
    """
    own, given = run.start, source(init)
    if not own.config.exists():
        return given
    if given.config.exists() and _digest(given) != _digest(own):
        raise UserError(
            f"{given.folder} is not the network that {run.folder} started from "
            f"({own.folder}).\nChoose another --workdir, or give it that network back."
        )
    return own


def adopt(source: Workdir, run: Workdir) -> None:
    """Copy what ``load`` and provenance need of a run into the workdir of another.

    So that this one can be reported on, exported and trusted wherever it is moved.
    """
    own = run.start
    if own.config.exists() or source == own:
        return
    if not source.config.exists():
        raise UserError(f"{source.folder} holds no motion network. {REMEDY}")
    names = (source.manifest, source.clips, source.classifier)
    for path in (
        *names,
        *files.below(source.checkpoints("motion")),
        *files.below(source.start.folder),
    ):
        if path.exists():
            _copy(path, own.folder / path.relative_to(source.folder))
    _copy(source.config, own.config)  # last: with it the copy is whole


def _copy(source: epath.Path, target: epath.Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write(target, _content(source))


def _digest(run: Workdir) -> str:
    """Of the arrays of a network, as orbax wrote them, and of its config."""
    found = hashlib.sha256(_content(run.config))
    for path in files.below(run.checkpoints("motion")):
        found.update(_content(path))
    return found.hexdigest()


def _content(path: epath.Path) -> bytes:
    return files.read_bytes(path, REMEDY, most=2**34)


def load(run: Workdir, network: Mapping, template: Any) -> Pretrained:
    """The trained motion network of a run that trained exactly one.

    Args:
      run: its workdir.
      network: config.motion.network of the run that wants it.
      template: variables of that network, arrays or shapes.

    Raises:
      UserError: no finished run of one network, or of another network; or what lies
        there was trained by another config.
    """
    try:
        config = workdir.read_json(run.config)
        trained, steps = config["motion"]["network"], config["motion"]["train"]["steps"]
        per_fold = config["motion"]["scope"] == "per_fold"
        several = config["task"] == "recognition" and (
            per_fold or config["motion"]["seeds"] > 1
        )
    except (UserError, KeyError, TypeError) as error:
        raise UserError(f"{run.folder} holds no motion network. {REMEDY}") from error
    if several:
        what = "a network per fold" if per_fold else "a network per seed"
        raise UserError(f"{run.folder} holds {what}. {REMEDY}")
    _compare(run, trained, network)
    place = run.checkpoints("motion") / "0000"
    if not (place / str(steps)).is_dir():
        raise UserError(
            f"the motion of {run.folder} is not trained to its end. {REMEDY}"
        )
    with Checkpoints(place) as chunk:
        _same(run, chunk.made_from(steps), config)
        restored = chunk.restore(steps)
    variables = jax.tree.map(lambda x: x[0], restored)
    flat = arrays.flatten(variables), arrays.flatten(template)
    arrays.check(place / str(steps), *flat)
    return Pretrained(variables, run)


def _same(run: Workdir, sealed: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """That what a checkpoint was made from is what the config of its run says.

    Of a config there is what the network depends on; not ``start``, which in a seal is
    the network that it began from.
    """
    wanted = differences.flat(config)
    keys = (sealed.keys() & wanted.keys()) - {"start"}
    if not keys:
        raise UserError(f"{run.folder} does not say what made its motion. {REMEDY}")
    found, wanted = ({k: side[k] for k in keys} for side in (sealed, wanted))
    if lines := differences.words(found, wanted):
        raise UserError(
            f"the motion of {run.folder} was trained by another config than lies there "
            f"({'; '.join(lines)}).\n{REMEDY}"
        )


def _compare(run: Workdir, trained: Mapping, wanted: Mapping) -> None:
    mine, theirs = (
        {k: v for k, v in n.items() if k not in FREE} for n in (wanted, trained)
    )
    odd = differences.keys(theirs, mine)
    if not odd:
        return
    names = sorted({key.partition(".")[0] for key in odd})
    flags = [f"--config.motion.network.{k}={_json(theirs.get(k))}" for k in names]
    raise UserError(
        f"{run.folder} holds another network: it has {', '.join(names)} different.\n"
        f"To use it: {shlex.join(flags)}"
    )


def _json(value: Any) -> Any:
    """JSON's lists and our tuples alike, in the form a flag takes."""
    return tuple(map(_json, value)) if isinstance(value, list | tuple) else value
