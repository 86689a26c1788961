"""Train and score a method under LOSO, or pretrain motion, in one command.

    python -m selfme_jax.main --config=synthetic

Running it again on the same workdir resumes, also on other devices or on several
machines (train/pod.py). docs/start.md says what it writes there.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from selfme_jax.train import preemption

    preemption.starting()

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from absl import flags

from selfme_jax import workdir
from selfme_jax.run import builtin, cli, config, pretrain, recognise
from selfme_jax.run.plan import Plan
from selfme_jax.train import lock, parallel
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir

STAGES = recognise.STAGES
_Session = recognise.Session | pretrain.Session | builtin.Session
_SESSIONS: dict[str, Callable[[Plan, Workdir, list[str]], _Session]] = {
    "recognition": recognise.Session,
    "pretraining": pretrain.Session,
    "builtin": builtin.Session,
}


def define() -> None:
    """The flags. Not at import: other entry points have some of the same names."""
    config.define()
    flags.DEFINE_string("workdir", None, "Default: runs/<config name>.")
    flags.DEFINE_list(
        "stages", list(STAGES), f"Any of {','.join(STAGES)}; the others are left out."
    )


def main() -> None:
    """The stages asked for, in order."""
    source, given = config.given(), flags.FLAGS
    plan = source.plan()
    if not given.stages or not set(given.stages) <= set(STAGES):
        asked = ",".join(given.stages)
        raise UserError(f"--stages={asked}: give one or more of {', '.join(STAGES)}.")
    place = workdir.open_workdir(given.workdir or Path("runs") / source.name)
    with ExitStack() as held:
        session = parallel.lead(lambda: _open(plan, place, given.stages, held))
        session.announce()
        session.run(_command(given.workdir))


def _open(plan: Plan, place: Workdir, stages: list[str], held: ExitStack) -> _Session:
    """The session; its workdirs are taken once, by the process that writes."""
    session = _SESSIONS[plan.task](plan, place, stages)
    if parallel.leads():
        for folder in session.folders():
            held.enter_context(lock.held(folder))
        session.claim()
    return session


def _command(place: str | None) -> str:
    """What makes the whole run again, whichever stages this one was asked for."""
    words = ["python", "-m", "selfme_jax.main", *config.words()]
    if place:
        words.append(f"--workdir={place}")
    return shlex.join(words)


def start() -> None:
    """The command."""
    define()
    cli.run(main, pod=True)


if __name__ == "__main__":
    start()
