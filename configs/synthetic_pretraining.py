"""Motion of synthetic people, learned without labels, for launch/demo.sh.

    python -m selfme_jax.main --config=synthetic_pretraining

The people are not those of configs/synthetic.py: nobody whose micro-expressions are
recognised later is met here. Two minutes on 2 cores.
"""

from selfme_jax.configs import synthetic


def get_config():
    """The network of configs/synthetic.py, 40 other people."""
    config = synthetic.get_config()
    config.task = "pretraining"
    config.synthetic.subjects = 40
    config.synthetic.first_subject = 1000
    config.pretraining.holdout = 0.25
    config.pretraining.gaps = (1, 2)
    config.pretraining.max_gap = 8
    config.motion.train.steps = 400
    return config
