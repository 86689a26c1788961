"""Inputs by name: a new one is a line here."""

from selfme_jax.inputs.apex_frames import Apex
from selfme_jax.inputs.base import Input
from selfme_jax.inputs.difference import Difference
from selfme_jax.inputs.images import Images
from selfme_jax.inputs.lbp_descriptors import LBPDescriptors
from selfme_jax.inputs.learned import Learned
from selfme_jax.inputs.published import Published, PublishedTVL1
from selfme_jax.inputs.registered import Registered
from selfme_jax.inputs.tcae_learning import TCAEFeatures, TCAEMotion
from selfme_jax.inputs.tvl1 import TVL1

_ALL: tuple[Input, ...] = (
    Learned(),
    TCAEMotion(),
    TVL1(),
    Registered(),
    Images(),
    Apex(),
    Difference(),
    LBPDescriptors(),
    TCAEFeatures(),
    Published(),
    PublishedTVL1(),
)
INPUTS = {given.name: given for given in _ALL}
