"""Train and score a method under LOSO, or pretrain motion, in one command.

    python -m selfme_jax.main --config=configs/synthetic.py

Running it again on the same workdir resumes, also on other devices or on several
machines (train/pod.py). The README lists what it writes there.
"""

import shlex
from pathlib import Path

from absl import flags
from etils import epath
from ml_collections import ConfigDict, config_flags

from selfme_jax import cli, files, pretraining, recognition, settings
from selfme_jax.train import parallel
from selfme_jax.types import UserError

STAGES = recognition.STAGES

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Config file, e.g. configs/synthetic.py.", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Default: runs/<config name>.")
_STAGES = flags.DEFINE_list(
    "stages", list(STAGES), f"Any of {','.join(STAGES)}; the others are left out."
)
_SESSIONS = {
    "recognition": recognition.Session,
    "pretraining": pretraining.Session,
}


def main() -> None:
    """The stages asked for, in order."""
    config = settings.resolve(cli.config(_CONFIG))
    if not _STAGES.value or not set(_STAGES.value) <= set(STAGES):
        given = ",".join(_STAGES.value)
        raise UserError(f"--stages={given}: give one or more of {', '.join(STAGES)}.")
    name = Path(config_flags.get_config_filename(flags.FLAGS["config"])).stem
    folder = files.path(_WORKDIR.value or Path("runs") / name)
    session = parallel.lead(lambda: _open(config, folder))
    session.announce()
    session.run(_command())


def _open(config: ConfigDict, folder: epath.Path):
    """The session; its workdir is taken once, by the process that writes."""
    session = _SESSIONS[config.task](config, folder, _STAGES.value)
    if parallel.leads():
        session.claim()
    return session


def _command() -> str:
    """What makes the whole run again, whichever stages this one was asked for."""
    flag = flags.FLAGS["config"]
    words = ["python", "-m", "selfme_jax.main"]
    words.append(f"--config={config_flags.get_config_filename(flag)}")
    for key, value in config_flags.get_override_values(flag).items():
        words.append(f"--config.{key}={value}")
    if _WORKDIR.value:
        words.append(f"--workdir={_WORKDIR.value}")
    return shlex.join(words)


if __name__ == "__main__":
    cli.run(main, pod=True)
