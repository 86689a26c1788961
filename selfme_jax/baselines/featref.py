"""FeatRef: feature refinement (Zhou et al., Pattern Recognition 122, 2022).

A reconstruction from the abstract: no code is public.

Known, from the abstract: an inception module on optical flow gives features shared by
the expressions; an expression proposal module with attention factors and a proposal
loss gives features specific to each; their fusion is classified. Inferred, as the
first authors are those of Dual-Inception: its two inception streams on u and v, 28x28,
and its fully connected layer of 1024 give the shared vector s.

Our choice, all unknown: for each class k an attention a_k = sigmoid(FC(s)), features
e_k = ReLU(FC(a_k s)) of 256 numbers and a proposal, one number of e_k, whether the
sample is of class k; the fusion is the concatenation of e_k; cross-entropy + lambda
times the proposal loss (lambda 1); and how it is trained. So its scores say nothing of
the published system's.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from selfme_jax.baselines.dual_inception import two_streams


class FeatRef(nn.Module):
    """Flow [b, h, w, 2 or more] (u, v, ...) -> (logits, proposals), [b, classes] each.

    Optical strain, channel 2, is not read. Proposals are logits of class k against
    the others. dropout: of the shared vector. size: the flow is resized to it.
    hidden: width of the shared vector; specific: of the features of a class.
    """

    classes: int
    dropout: float
    size: int
    hidden: int
    specific: int

    @nn.compact
    def __call__(
        self, flow: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        x = two_streams(flow, size=self.size)
        shared = nn.relu(nn.Dense(self.hidden, name="shared")(x))
        shared = nn.Dropout(self.dropout, deterministic=not train)(shared)
        specific, proposals = [], []
        for k in range(self.classes):
            attention = nn.sigmoid(nn.Dense(self.hidden, name=f"attention_{k}")(shared))
            own = nn.Dense(self.specific, name=f"specific_{k}")(attention * shared)
            specific.append(nn.relu(own))
            proposals.append(nn.Dense(1, name=f"proposal_{k}")(specific[-1]))
        fused = jnp.concatenate(specific, axis=-1)
        logits = nn.Dense(self.classes, name="logits")(fused)
        return logits, jnp.concatenate(proposals, axis=-1)


def proposal_loss(proposals: jax.Array, labels: jax.Array) -> jax.Array:
    """Binary cross-entropy of each class, summed: [b, classes], [b] -> [b].

    Class-balanced within the batch: the samples of a class weigh as much as all others
    together, and by 1 on average where both are there.
    """
    target = jax.nn.one_hot(labels, proposals.shape[-1])
    share = target.mean(0)
    weights = target / jnp.maximum(share, 1e-6) + (1 - target) / jnp.maximum(
        1 - share, 1e-6
    )
    entropy = optax.sigmoid_binary_cross_entropy(proposals, target)
    return (0.5 * weights * entropy).sum(-1)
