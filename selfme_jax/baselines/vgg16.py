"""VGG16 (Simonyan and Zisserman 2015, configuration D) on flow images.

Known, from the table of the STSTNet paper: read the same flow images as STSTNet at
224x224x3, 16 layers, 138 million weights (which is the count for 1000 classes; for
three it is 134,272,835), run by those authors.

Inferred: that (u, v, strain) were enlarged from 28x28, here bilinearly. Unknown: pre-
training, rate, epochs, batch, head. Our choice: from scratch by He's initialisation, or
from ImageNet weights where --config.vgg16.weights names a file of them (all layers but
the last: systems/imagenet.py); Adam at 1e-4, 50 epochs, batches of 32, dropout 0.5 as
in VGG's own paper.

Weights and their two Adam moments take 1.6 GB a run: set
--config.engine.classifier.runs_per_device=1 or a few.
"""

import flax.linen as nn
import jax

from selfme_jax.baselines import layers

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # filters, convolutions
HE = nn.initializers.he_normal()


class VGG16(nn.Module):
    """Flow [b, h, w, c], enlarged to ``size`` -> logits [b, classes].

    shrink: divides the number of filters (1 as published). hidden: width of the two
    fully connected layers (4096).
    """

    classes: int
    dropout: float
    size: int
    hidden: int
    shrink: int

    @nn.compact
    def __call__(self, flow: jax.Array, *, train: bool = False) -> jax.Array:
        x = layers.resize(flow, self.size)
        for i, (filters, convolutions) in enumerate(BLOCKS):
            for j in range(convolutions):
                name = f"conv_{i}_{j}"
                conv = nn.Conv(
                    filters // self.shrink, (3, 3), kernel_init=HE, name=name
                )
                x = nn.relu(conv(x))
            x = layers.halve(x)
        x = x.reshape(x.shape[0], -1)
        for i in range(2):
            x = nn.relu(nn.Dense(self.hidden, kernel_init=HE, name=f"hidden_{i}")(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, name="logits")(x)
