"""What every Input is: from clips to what a classifier reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import numpy as np

from selfme_jax.inputs import flow_reading
from selfme_jax.ops import augment
from selfme_jax.train import optimizer
from selfme_jax.train.loop import Stage
from selfme_jax.train.state import Task
from selfme_jax.types import ClipDataset, Dataset, Split, UserError

R = TypeVar("R", bound=NamedTuple)


class FirstStage(Protocol):
    """What reads the clips of a run, and may learn from them how."""

    def fit_transform(
        self,
        dataset: ClipDataset,
        splits: Sequence[Split],
        seeds: Sequence[int],
        stage: Stage,
    ) -> np.ndarray:
        """[d, n, h, w, c] float32 of all samples.

        d = 1 where nothing is learned; else a copy for each of ``seeds``, or for each
        seed and fold (seeds outermost) where folds learn apart: then what the network
        of a fold says of its held-out clips is inference.
        """
        ...


class Input(Protocol):
    """A kind of input by name: all that the rest of the package asks of it.

    Its methods are given ``settings``, the nested dict of a whole config, and read in
    it what ``keys`` name.
    """

    @property
    def name(self) -> str:
        """Of config.input."""
        ...

    @property
    def words(self) -> str:
        """For people: 'method scvit on WORDS'."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """Dotted, of the config: what its first stage depends on."""
        ...

    @property
    def is_flow(self) -> bool:
        """(u, v, strain) images, which config.flow is for."""
        ...

    @property
    def of_clips(self) -> bool:
        """Read of frames; else the dataset holds it ready-made."""
        ...

    @property
    def learns(self) -> bool:
        """From the clips, so that config.motion.scope says from whose."""
        ...

    @property
    def starts(self) -> bool:
        """From a network that another run trained (config.motion.init)."""
        ...

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of the exported form; () = it has none."""
        ...

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """(h, w, c) of what ``stage`` gives, or of the ready-made images."""
        ...

    def stage(
        self, settings: Mapping, frame: tuple[int, ...], start: Any = None
    ) -> FirstStage:
        """What reads frames of shape ``frame`` [h, w, 3], tried on that shape.

        Args:
          start: variables of a network that training starts from; None = random ones.

        Raises:
          UserError: settings that do not fit the frames, or files that cannot be read.
        """
        ...

    def reader(self, flow: Mapping) -> Callable:
        """What a classifier does to it before it reads it; ``flow``: config.flow."""
        ...

    def floor(self, flow: Mapping, *, standardise: bool = False) -> Callable:
        """What the linear floor reads: the same, centred alike, nothing tuned.

        Args:
          standardise: divide each image by its deviation.
        """
        ...

    def mirror(self, given: jax.Array) -> jax.Array:
        """Mirrored, [..., h, w, c]; of flow u is negated as well."""
        ...

    def network_options(self, settings: Mapping) -> Mapping:
        """Those of the network of its exported form; {} where there is none."""
        ...

    def network(self, options: Mapping) -> Any:
        """That network; None for {}."""
        ...

    def apply(
        self, network: Any, variables: Any, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The exported form, pure: of a batch what ``stage`` gives, and what is told.

        Args:
          network, variables: of ``network``; None where there is none.
          given: one array for each of ``arguments``: frames [b, h, w, 3] uint8 RGB,
            or flow images [b, h, w, 3] float32, channels (u, v, strain).
          size: config.flow.size.
        """
        ...


class _Alone:
    """An input that needs no network."""

    def network_options(self, settings: Mapping) -> Mapping:
        """None."""
        del settings
        return {}

    def network(self, options: Mapping) -> Any:
        """None."""
        del options

    def apply(
        self, network: Any, variables: Any, *given: jax.Array, size: int
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """It has no exported form, unless it says so."""
        raise NotImplementedError(type(self).__name__)


class FlowInput(_Alone):
    """What all inputs that are flow share."""

    is_flow = True

    def shape(self, settings: Mapping, dataset: Dataset) -> tuple[int, int, int]:
        """(size, size, 3): u, v, strain."""
        del dataset
        return (settings["flow"]["size"],) * 2 + (3,)

    def reader(self, flow: Mapping) -> Callable:
        """Centred, scaled and amplified (``flow_reading.amplify``)."""
        return flow_reading.reader(flow)

    def floor(self, flow: Mapping, *, standardise: bool = False) -> Callable:
        """The same flow with strain, neither scaled nor amplified."""
        plain = {"standardise": standardise, "scale": 1.0, "gamma": 1.0}
        return flow_reading.reader({**flow, **plain, "channels": "uvs"})

    def mirror(self, given: jax.Array) -> jax.Array:
        """X flipped and u negated."""
        return augment.mirror(given)


class PlainInput(_Alone):
    """What all inputs that are read as they are share."""

    is_flow = False

    def reader(self, flow: Mapping) -> Callable:
        """As it is."""
        del flow
        return unchanged

    def floor(self, flow: Mapping, *, standardise: bool = False) -> Callable:
        """As it is."""
        del flow, standardise
        return unchanged

    def mirror(self, given: jax.Array) -> jax.Array:
        """X flipped."""
        return augment.mirror_image(given)


def unchanged(given: Any) -> Any:
    """As it is."""
    return given


def recipe(kind: Callable[..., R], options: Mapping) -> R:
    """A recipe of ``kind``; the keys of the optimizer become its optimizer."""
    options = dict(options)
    keys = ("learning_rate", "warmup", "decay", "weight_decay", "clip")
    tune = {key: options.pop(key) for key in keys}
    return kind(**options, optimizer=lambda steps: optimizer.adamw(steps, **tune))


@contextmanager
def fitting(key: str, shape: tuple[int, ...]) -> Iterator[None]:
    """What a part says of sizes and names it cannot take, as a user's error."""
    try:
        yield
    except (TypeError, ValueError, ArithmeticError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        size = "x".join(map(str, shape))
        raise UserError(
            f"{key} does not work on input of {size}: {reason}.\nChange {key}."
        ) from error


def trace(task: Task) -> dict:
    """Shapes of the variables; nothing is computed or compiled."""
    return jax.eval_shape(lambda: task.init(jax.random.key(0)))
