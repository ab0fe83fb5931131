"""What a network costs: parameters, multiply-accumulates, memory; and what it may cost.

Multiply-accumulates are of one image's forward pass: the products in convolutions and dense
layers, a product and the addition that follows counted as one. That is the convention of He et
al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1 ("FLOPs", multiply-adds),
and of Tan & Le, "EfficientNet", ICML 2019, table 2. Biases, normalizations, activations,
poolings, additions and every layer that is none of `Conv`, `DepthwiseConv`, `SeparableConv`,
`Conv...Transpose` and `Dense` count 0, a user's own layers too.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

from kerascnn import quiet
from kerascnn.spec import RunSpec

# Optimizer -> values it keeps of every trainable one: see `trainers/_optimizer.py`.
_SLOTS = {"adam": 2, "adamw": 2, "rmsprop": 1, "sgd": 1}
# A layer's output, with the work space it takes.
_MARGIN = 1.25
# Share of a worker's memory that a network may take: the rest is the framework's and the data's.
_SHARE = 0.7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Costs:
    """What a network costs.

    Attributes:
        parameters: Weights and statistics, trainable and not, as `Model.count_params()` counts.
        multiply_accumulates: Of the forward pass of one image.
        memory: Bytes that training a batch takes at its peak, estimated.
    """

    parameters: int = 0
    multiply_accumulates: int = 0
    memory: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ceilings:
    """What a network may cost; 0: as much as it likes.

    Attributes:
        parameters: At most so many.
        multiply_accumulates: At most so many.
        memory: Bytes that there are for each worker. It counts on a CPU alone: what an
            accelerator has is its own.
        workers: How many share the memory there is.
    """

    parameters: int = 0
    multiply_accumulates: int = 0
    memory: int = 0
    workers: int = 1

    def reason(self, costs: Costs) -> str:
        """Returns why a network must not be trained, in a sentence; "" if it may."""
        for words, option, found, most in (
            ("parameters", "--max-params", costs.parameters, self.parameters),
            (
                "multiply-accumulates an image",
                "--max-macs",
                costs.multiply_accumulates,
                self.multiply_accumulates,
            ),
        ):
            if most and found > most:
                return f"It has {found:,} {words}, over the {most:,} of {option}."
        if self.memory and costs.memory > _SHARE * self.memory and _on_cpu():
            shared = f"each of {self.workers} workers" if self.workers > 1 else "one worker"
            return (
                f"Training a batch takes about {_gigabytes(costs.memory)}, and {shared} has "
                f"{_gigabytes(self.memory)} here, framework included: no rule of the study's, "
                "with more memory or fewer workers it may fit."
            )
        return ""


NONE = Ceilings()


def of(model: Any, spec: RunSpec) -> Costs:
    """Returns what a built network costs when it is trained as `spec` says.

    The memory is an estimate: the weights, with a gradient and the optimizer's values of each
    that is trained; and of every layer its output for a batch, kept for the gradient that comes
    back through it, with a margin for work space. Under TensorFlow 2.21 on a CPU it was 1.1 to
    1.8 times what training took in fact (VGG-16, a ResNet-20 twice as wide and a `cnn`, on images
    of 64 to 128 pixels), a framework's own 0.7 GB not counted.
    """
    outputs, macs = _walk(model)
    trainable = _numbers(model.trainable_variables)
    weights = _numbers(model.variables) + (1 + _SLOTS[spec.optimizer]) * trainable
    return Costs(
        parameters=int(model.count_params()),
        multiply_accumulates=macs,
        memory=4 * weights + int(_MARGIN * spec.batch_size * outputs),
    )


def measure(build: Callable[[int], Any], spec: RunSpec) -> Costs:
    """Returns what a network costs that was not built yet, and allocates none of its weights.

    Args:
        build: Returns the network of a seed.
        spec: How it is trained.
    """
    try:
        with unallocated():
            return of(build(0), spec)
    except Exception:  # A family may need values as it builds; if it is wrong, it says so here.
        return of(build(0), spec)


@contextlib.contextmanager
def unallocated() -> Iterator[None]:
    """Has networks made that are shapes alone: even the weights of one too large must not be."""
    keras = quiet.import_keras()
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        # Keras keeps what awaits its values, and counts the names it gave.
        keras.utils.clear_session(free_memory=False)


def _walk(model: Any) -> tuple[int, int]:
    """Returns (bytes of all layers' outputs for one image, multiply-accumulates of one image).

    A layer that is called twice counts twice.
    """
    model = getattr(model, "_functional", None) or model  # Of a `Sequential`
    size = macs = 0
    levels = getattr(model, "_nodes_by_depth", {})  # A model without a graph shows no shapes.
    for node in (node for level in levels.values() for node in level):
        layer, outputs = node.operation, node.output_tensors
        if hasattr(layer, "layers"):
            inner = _walk(layer)
            size, macs = size + inner[0], macs + inner[1]
        else:
            # Where an output has the shape of its input, frameworks still keep both.
            size += sum(_count(each.shape[1:]) * _width(each.dtype) for each in outputs)
            macs += products(layer, node)
    return size, macs


def products(layer: Any, node: Any) -> int:
    """Returns the multiply-accumulates of one call of a layer."""
    from keras import layers

    output, kind = node.output_tensors[0].shape, type(layer)
    if issubclass(kind, layers.Dense):
        return _count(layer.kernel.shape) * _count(output[1:-1])
    if issubclass(kind, _kinds("SeparableConv{}D", (1, 2))):
        # Depthwise at the places of the output, then a product over the channels at each.
        kernels = _count(layer.depthwise_kernel.shape) + _count(layer.pointwise_kernel.shape)
        return kernels * _places(layer, output)
    if issubclass(kind, _kinds("Conv{}DTranspose", (1, 2, 3))):
        return _count(layer.kernel.shape) * _places(layer, node.input_tensors[0].shape)
    if issubclass(kind, _kinds("Conv{}D", (1, 2, 3)) + _kinds("DepthwiseConv{}D", (1, 2))):
        # A kernel is (height, width, channels of its group, filters).
        return _count(layer.kernel.shape) * _places(layer, output)
    return 0


def _kinds(name: str, ranks: tuple[int, ...]) -> tuple[type, ...]:
    from keras import layers

    return tuple(getattr(layers, name.format(rank)) for rank in ranks)


def _places(layer: Any, shape: tuple[int | None, ...]) -> int:
    """Returns at how many places of an image of `shape` a kernel is applied."""
    last = layer.data_format == "channels_last"
    return _count(shape[1:-1] if last else shape[2:])


def _count(sides: Any) -> int:
    return math.prod(side or 1 for side in sides)


def _numbers(variables: Any) -> int:
    return sum(_count(variable.shape) for variable in variables)


def _width(dtype: Any) -> int:
    return 2 if "16" in str(dtype) else 4


def _on_cpu() -> bool:
    import keras

    return all(device.startswith("cpu") for device in keras.distribution.list_devices())


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
