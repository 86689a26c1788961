"""CD6ME: action units, each of six datasets tested on what the other five trained.

    python -m selfme_jax.prepare cd6me --source=DIR --classes=0
    python -m selfme_jax.main --config=cd6me
    python -m selfme_jax.tables --table=cd6me --config=cd6me     # beside MEB's numbers

DIR holds casme, casme2, casme3, fourdme, mmew and samm, each with its sheet. Who has
some of them alone prepares each with --classes=0 and joins them:
--config.data.name=casme2+samm. SelfME's motion is learned once for each held-out
dataset; --config.input=tvl1 reads TV-L1 in its place.
MEB's networks have a mean F1 of 0.28 to 0.41 (selfme_jax/report/meb.py).
Time: not measured yet on a GPU, for which the full network is meant.
"""

from selfme_jax.configs import casme2


def get_config():
    """configs/casme2.py on all clips of all six, for their twelve action units."""
    config = casme2.get_config()
    config.data.name = "cd6me"
    config.data.classes = 0
    config.target = "action_units"
    config.protocol.split = "leave_one_dataset_out"
    return config
