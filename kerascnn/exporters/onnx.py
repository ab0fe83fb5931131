"""ONNX: a folder with `model.onnx`, which ONNX Runtime and others open, and `model.json`, its card.

    images           float32 (batch, height, width, channels), in [0, 1]; uint8 / 255 is that
    probabilities    float32 (batch, num_classes)

An input of ONNX has one type, so that uint8 is scaled before. Class names, as JSON, are among the
model's properties: `session.get_modelmeta().custom_metadata_map["class_names"]`. What is computed
is float32, whatever the run's precision.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import host, quiet, record
from kerascnn.exporters import _needs, _tracing

CARD = "model.json"
BACKEND = "tensorflow"
NEEDS = ("onnx", "onnxruntime", "tf2onnx")
USE = """
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
images = np.zeros((1, $height, $width, $channels), np.uint8)  # 0 to 255
print(session.run(["probabilities"], {"images": images / np.float32(255)})[0])
"""
_NETWORK = "model.onnx"
# 2022: newer ones add nothing that an image classifier needs, and fewer programs open them.
_OPSET = 17


def export(model: Any, path: Path, card: Mapping[str, Any]) -> None:
    """Writes the folder `path`; see the room's contract.

    Raises:
        RuntimeError: If Keras runs on another backend, or the network cannot be converted.
    """
    _tracing.check_backend("An ONNX file")
    found = _converted(_tracing.in_float32(model))
    for value in (*found.graph.input, *found.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    found.metadata_props.add(key="class_names", value=json.dumps(list(card["class_names"])))
    path.mkdir()
    record.write_file(path / _NETWORK, found.SerializeToString())
    record.write_file(path / CARD, json.dumps(card, indent=1).encode())


def load(path: Path) -> Callable[[np.ndarray], npt.NDArray[np.float32]]:
    """Re-opens an export with ONNX Runtime alone, on the CPU; see the room's contract."""
    _needs.check_opened(path, "an ONNX file", "onnxruntime")
    session = _open(path / _NETWORK)

    def predict(images: np.ndarray) -> npt.NDArray[np.float32]:
        if images.dtype == np.uint8:
            images = images.astype(np.float32) * np.float32(1 / 255)
        (answers,) = session.run(["probabilities"], {"images": images})
        return np.asarray(answers, np.float32)

    return predict


def _converted(model: Any) -> Any:
    """Returns a network as an `onnx.ModelProto`."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    with quiet.silenced():
        import onnx
        import tf2onnx
    images = _tracing.images_of(model, tf.float32)
    function = tf.function(lambda images: model(images, training=False), input_signature=[images])
    failed: Exception | None = None
    with quiet.silenced(), _tracing.inlined():
        # What layers hold besides variables would be inputs to tf2onnx, were it not frozen before.
        frozen = convert_variables_to_constants_v2(function.get_concrete_function())
        (given,), (answer,) = frozen.inputs, frozen.outputs
        found, _ = tf2onnx.convert.from_graph_def(
            frozen.graph.as_graph_def(),
            input_names=[given.name],
            output_names=[answer.name],
            tensors_to_rename={given.name: "images", answer.name: "probabilities"},
            opset=_OPSET,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
        try:
            onnx.checker.check_model(found)  # What tf2onnx does not know it leaves as it was.
        except onnx.checker.ValidationError as error:
            failed = error  # Raised outside, where one line is all that is said.
    if failed is not None:
        raise RuntimeError(f"ONNX has no such network: {_tracing.first_line(failed)}")
    return found


def _erfc(graph: Any, node: Any, name: str, arguments: Any) -> Any:
    """Puts 1 - erf in the place of erfc, which GELU is made of and which tf2onnx does not know."""
    (given,), (answer,) = node.input, node.output
    alike = {"shapes": [graph.get_shape(answer)], "dtypes": [graph.get_dtype(answer)]}
    graph.remove_node(name)
    one = graph.make_const(f"{name}_one", np.array(1, np.float32)).output[0]
    erf = graph.make_node("Erf", [given], name=f"{name}_erf", **alike).output[0]
    return graph.make_node("Sub", [one, erf], name=name, outputs=[answer], **alike)


def _open(path: Path) -> Any:
    """Returns the session of an ONNX file.

    Raises:
        ValueError: If the file is missing or damaged.
    """
    with quiet.silenced():
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = host.threads()
    options.log_severity_level = 3  # Errors alone: a warning is not for who asks for a label.
    refused = (
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.InvalidArgument,
        state.NotImplemented,
        state.NoSuchFile,
        state.Fail,
        state.RuntimeException,
        RuntimeError,
    )
    failed: Exception | None = None
    with quiet.silenced():
        try:
            session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except refused as error:
            failed = error  # Raised outside, where one line is all that is said.
    if failed is not None:
        why = _tracing.first_line(failed).rpartition("failed:")[2]
        raise ValueError(f"{path} is {f'damaged: {why}' if path.exists() else 'missing.'}")
    return session
