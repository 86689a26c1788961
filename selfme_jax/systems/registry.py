"""Systems by name, in the order of the paper's table: a new one is a line here."""

from selfme_jax.systems.base import System
from selfme_jax.systems.bi_woof_svm import BI_WOOF
from selfme_jax.systems.builtin import BUILTIN
from selfme_jax.systems.capsulenet import CAPSULENET
from selfme_jax.systems.dual_inception import DUAL_INCEPTION
from selfme_jax.systems.featref import FEATREF
from selfme_jax.systems.googlenet import GOOGLENET
from selfme_jax.systems.htnet import HTNET
from selfme_jax.systems.lbp_top_svm import LBP_TOP
from selfme_jax.systems.mmnet import MMNET
from selfme_jax.systems.off_apexnet import OFF_APEXNET
from selfme_jax.systems.scvit import SCVIT, VIT
from selfme_jax.systems.ststnet import STSTNET
from selfme_jax.systems.tcae_fc import TCAE_FC
from selfme_jax.systems.vgg16 import VGG16_ON_FLOW

_ALL: tuple[System, ...] = (
    LBP_TOP,
    CAPSULENET,
    BI_WOOF,
    GOOGLENET,
    VGG16_ON_FLOW,
    OFF_APEXNET,
    DUAL_INCEPTION,
    STSTNET,
    FEATREF,
    HTNET,
    MMNET,
    TCAE_FC,
    VIT,
    SCVIT,
    BUILTIN,
)
SYSTEMS = {system.name: system for system in _ALL}
