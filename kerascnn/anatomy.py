"""What a network is, layer by layer: shapes and how they come about, receptive fields, costs.

Receptive fields are of Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill 2019 (https://distill.pub/2019/computing-receptive-fields): with the product of
the strides before it, a layer of kernel k adds (k - 1) x dilation x that product. Where branches
meet, the larger counts.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from kerascnn import costs, quiet

Pair = tuple[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """One call of a layer, for one image.

    Attributes:
        name: Of the layer.
        kind: Its class: "Conv2D".
        output: Shape of the output, without the batch.
        arithmetic: How its height comes about, and the width where that differs; "" where nothing
            is slid over the image.
        field: Height and width in pixels of the image that one value depends on, borders aside;
            None: on the whole image, by a layer that looks at all places.
        parameters: Weights and statistics.
        dense_parameters: What a dense layer between the same shapes would need; None where the
            layer has no kernel that is slid.
        multiply_accumulates: See `costs`.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    arithmetic: str
    field: Pair | None
    parameters: int
    dense_parameters: int | None
    multiply_accumulates: int


@dataclasses.dataclass(frozen=True)
class _View:
    """What a value sees: its field, and by how many pixels its neighbour sees another."""

    field: Pair = (1, 1)
    step: Pair = (1, 1)
    whole: bool = False


def layers(model: Any) -> list[Layer]:
    """Returns the layers of a functional or sequential model in the order they are computed.

    A layer that is called twice stands twice; its parameters count the first time.

    Raises:
        ValueError: If the model has no graph to read.
    """
    model = getattr(model, "_functional", None) or model
    if not getattr(model, "_nodes_by_depth", None):
        raise ValueError(f"{model.name} has no graph of layers: it is no functional model.")
    return list(_walk(model, {}, set()))


def _walk(model: Any, views: dict[int, _View], seen: set[int]) -> Iterator[Layer]:
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                for tensor in node.output_tensors:
                    views.setdefault(id(tensor), _View())
                continue
            layer = node.operation
            before = [views.get(id(tensor), _View()) for tensor in node.input_tensors]
            if hasattr(layer, "layers"):
                inner = getattr(layer, "_functional", None) or layer
                views |= {id(t): v for t, v in zip(inner.inputs, before, strict=False)}
                yield from _walk(inner, views, seen)
                ends = [views.get(id(tensor), _View()) for tensor in inner.outputs]
                views |= {id(t): v for t, v in zip(node.output_tensors, ends, strict=False)}
                continue
            after = _seen_through(layer, _joined(before))
            views |= {id(tensor): after for tensor in node.output_tensors}
            yield _layer(layer, node, after, counted=id(layer) in seen)
            seen.add(id(layer))


def _layer(layer: Any, node: Any, view: _View, *, counted: bool) -> Layer:
    before, after = node.input_tensors[0].shape[1:], node.output_tensors[0].shape[1:]
    slid = _slid(layer)
    weighted = slid is not None and layer.count_params() > 0
    return Layer(
        name=layer.name,
        kind=type(layer).__name__,
        output=tuple(side or 1 for side in after),
        arithmetic=_arithmetic(layer, before, after),
        field=None if view.whole else view.field,
        parameters=0 if counted else layer.count_params(),
        dense_parameters=(math.prod(before) + 1) * math.prod(after) if weighted else None,
        multiply_accumulates=costs.products(layer, node),
    )


def _joined(views: list[_View]) -> _View:
    return _View(
        field=(max(v.field[0] for v in views), max(v.field[1] for v in views)),
        step=(max(v.step[0] for v in views), max(v.step[1] for v in views)),
        whole=any(v.whole for v in views),
    )


def _seen_through(layer: Any, view: _View) -> _View:
    from keras import layers

    everywhere = (
        layers.Dense,
        layers.Flatten,
        layers.Reshape,
        layers.GlobalAveragePooling2D,
        layers.GlobalMaxPooling2D,
    )
    if isinstance(layer, everywhere):
        return dataclasses.replace(view, whole=True)
    slid = _slid(layer)
    if slid is None:
        return view
    size, stride, dilation = slid
    field = tuple(view.field[i] + (size[i] - 1) * dilation[i] * view.step[i] for i in range(2))
    step = tuple(view.step[i] * stride[i] for i in range(2))
    return dataclasses.replace(view, field=field, step=step)  # type: ignore[arg-type]


def _slid(layer: Any) -> tuple[Pair, Pair, Pair] | None:
    """Returns (size, stride, dilation) of what the layer slides over the image; None: nothing."""
    from keras import layers

    if isinstance(layer, layers.Conv2DTranspose):
        return None
    if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D):
        return _pair(layer.kernel_size), _pair(layer.strides), _pair(layer.dilation_rate)
    if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D):
        return _pair(layer.pool_size), _pair(layer.strides or layer.pool_size), (1, 1)
    return None


def _pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _arithmetic(layer: Any, before: Any, after: Any) -> str:
    """Returns "floor((28 - 5) / 1) + 1 = 24"."""
    from keras import layers

    if isinstance(layer, layers.ZeroPadding2D):
        pads = [sum(side) for side in layer.padding]
        lines = [f"{before[i]} + {pads[i]} = {after[i]}" for i in range(2)]
        return _same(lines)
    slid = _slid(layer)
    if slid is None or len(before) != 3:
        return ""
    size, stride, dilation = slid
    lines = [
        _side(layer.padding, before[i], after[i], (size[i] - 1) * dilation[i] + 1, stride[i])
        for i in range(2)
    ]
    return _same(lines)


def _same(lines: list[str]) -> str:
    return lines[0] if lines[0] == lines[1] else "; ".join(lines)


def _side(padding: str, before: int, after: int, reach: int, stride: int) -> str:
    if padding == "valid":
        return f"floor(({before} - {reach}) / {stride}) + 1 = {after}"
    pad = max((after - 1) * stride + reach - before, 0)
    return f"ceil({before} / {stride}) = {after}, {pad // 2} + {pad - pad // 2} of padding"


def of(family: str, shape: tuple[int, int, int], classes: int, **settings: Any) -> list[Layer]:
    """Returns the layers of a family's network, whose weights are not allocated.

    Args:
        family: An entry of `kerascnn/models`, or the user's own.
        shape: Height, width and channels of the images.
        classes: How many there are.
        settings: Hyperparameters.

    Raises:
        ValueError: If there is no such family or setting, or no such network of these images.
    """
    from kerascnn import registry

    quiet.import_keras()
    build = registry.load("kerascnn.models", family).build
    with costs.unallocated():
        return layers(build(shape, classes, **settings))


def totals(found: list[Layer]) -> Mapping[str, int]:
    """Returns parameters and multiply-accumulates of all layers."""
    return {
        "parameters": sum(layer.parameters for layer in found),
        "multiply_accumulates": sum(layer.multiply_accumulates for layer in found),
    }
