"""Trainers: one file each.

Contract of every public module here:

    def train(build, data, specs, *, on_epoch, on_end, start=afresh, on_pause=ignore) -> None

It trains each of `specs`, which are one configuration but for the seed and for numbers such as
the learning rate, on the same built and compiled network.

`build(seed)` returns the network of one seed, freshly initialised: images in [0, 1] to
probabilities, with the layer `logits` before them. `data` is a `Dataset`. The trainer trains on
the logits with softmax cross-entropy, smoothed and weighted as `_loss.py` does, the last and
smaller batch included, and measures validation after every epoch. What all trainers share is
drawn or decided in one place each: the images of an epoch and their order (`_order.py`), how
they are changed (`_augment.py`), the learning rate of every step (`_schedule.py`), and when a
run with `patience` stops and which epoch's weights it ends with (`_patience.py`). What compiled
trainers share besides: where images lie (`_source.py`), what a step computes (`_arithmetic.py`),
and the programs, which outlive a call (`_programs.py`).

`on_epoch(i, epoch, metrics)` is called after epoch `epoch` (1, 2, ...) of run `specs[i]` with
"accuracy/train" and "loss/train" (running means over the epoch's images, the loss as it is
trained on) and "accuracy/validation" and "loss/validation" (float, plain cross-entropy; not where
validation itself is trained on, as final runs do). It may raise `Stop` to end that run.
`on_end(i, model, predict, epoch)` is called once per run that was not given up. Until it
returns, `model` maps images to probabilities with that run's weights and statistics as they
were after epoch `epoch`, the last or the one that `patience` restores, and `predict(indices)`
gives the logits, float32 (n, classes), of images of `data`.

`start(i)` is called as run `i` begins and returns the `Checkpoint` it goes on from, which may be
between two steps of an epoch, or None. `on_epoch` is called again for the epochs it has behind it.
One that does not fit the network is passed over.
`on_pause(i, here)` is called often: after every epoch and, where a trainer can, every half second
in between; `here()` returns the `Checkpoint` of run `i` as it is now, and `here` is None where
there is none to be had. It may raise `Stop`, like `on_epoch`. A run that goes on from a checkpoint
has the numbers of one that was never stopped, on a CPU bit for bit.

A trainer that runs under some of Keras' backends only has them in `BACKENDS`, a literal. One that
can compute the same in several ways that differ in the last bits has `FORMS`, a literal, takes
`train(..., form=)` and has `choose(build, data, specs)`, which finds the fastest here. A form has
a name in a study: "vectorized:patches:3" is the trainer `vectorized` with `form="patches:3"`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from kerascnn import registry
from kerascnn.checkpoint import Checkpoint
from kerascnn.spec import RunSpec

Here = Callable[[], Checkpoint]
Start = Callable[[int], Checkpoint | None]
OnPause = Callable[[int, Here | None], None]


class Stop(Exception):  # noqa: N818  Not an error, as StopIteration is none.
    """Raised by `on_epoch` or `on_pause` to end the run it was called for; the others go on."""


def afresh(i: int) -> Checkpoint | None:
    """Returns None: every run begins at epoch 0."""
    return None


def ignore(i: int, here: Here | None) -> None:
    """Takes no notice of a pause."""


def named(trainer: str) -> tuple[str, str]:
    """Splits "vectorized:patches:3" into the trainer's name and its form; "" if it has none."""
    name, _, form = trainer.partition(":")
    return (name, form) if name in registry.names(__name__) else (trainer, "")


def load(trainer: str) -> Callable[..., None]:
    """Returns the `train` of a trainer, in the form its name says."""
    name, form = named(trainer)
    train: Callable[..., None] = registry.load(__name__, name).train
    return partial(train, form=form) if form else train


def choose(trainer: str, build: Any, data: Any, specs: Sequence[RunSpec]) -> dict[str, Any]:
    """Returns how a trainer computes `specs` fastest here; {} where there is nothing to choose.

    Returns:
        "form", the fastest; "together", how many runs it computes at once; "seconds" by form.
    """
    name, form = named(trainer)
    if form or not registry.constant(__name__, name, "FORMS", ()):
        return {}
    chosen: dict[str, Any] = registry.load(__name__, name).choose(build, data, specs)
    return chosen


def check_backend(trainer: str, backend: str) -> None:
    """Raises ValueError if a trainer does not run under a backend."""
    name, _ = named(trainer)
    known = registry.constant(__name__, name, "BACKENDS", (backend,))
    if backend not in known:
        raise ValueError(
            f"The trainer {name} does not run under {backend}. Try: --backend {known[0]}"
        )
