"""Weights to start from: what is taken, what it computes then, and what is refused."""

import types
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications import efficientnet as keras_efficientnet
from keras.src.legacy.saving import legacy_h5_format

from kerascnn import building, saved_layers, starts, weights
from kerascnn.spec import RunSpec, short
from tuning.searchable import preset_of

SHAPE = (32, 32, 3)
SPEC = RunSpec(family="cnn", dataset="synthetic")
SMALL = {"filters": 4, "dense": 8, "normalization": "batch"}


def data(*shape: int) -> Any:
    return types.SimpleNamespace(input_shape=shape or SHAPE, num_classes=7)


def builder(spec: RunSpec, *shape: int) -> building.Builder:
    return building.Builder(spec, data(*shape))


def images() -> np.ndarray:
    """Returns 3 images as whole numbers 0 to 255, float32."""
    return np.random.default_rng(0).integers(0, 256, (3, *SHAPE)).astype(np.float32)


def written(model: keras.Model, path: Path) -> str:
    """Writes weights in Keras 3's layout or, by its ending, Keras 2's, which ImageNet's have."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return str(path)


def enlivened(twin: keras.Model, variance: float = 1.0) -> keras.Model:
    """Returns it with statistics and offsets that tell, and by their variance keep signals up."""
    rng = np.random.default_rng(1)
    for layer in twin.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(layer.moving_variance * variance)
            for weight in layer.weights:
                noise = rng.uniform(0.9, 1.1, weight.shape).astype(np.float32)
                weight.assign((weight + 0.1 * variance) * noise)
    return twin


# Preset -> family, module of keras.applications, function, layer of features there and here.
TWINS = {
    "vgg16": ("vgg", "vgg16", "VGG16", "block5_pool", "block5_pool"),
    "vgg19": ("vgg", "vgg19", "VGG19", "block5_pool", "block5_pool"),
    "resnet50": ("resnet", "resnet", "ResNet50", "avg_pool", "pool"),
    "resnet101": ("resnet", "resnet", "ResNet101", "avg_pool", "pool"),
    "resnet152": ("resnet", "resnet", "ResNet152", "avg_pool", "pool"),
    **{
        f"efficientnet_b{i}": (
            "efficientnet",
            "efficientnet",
            f"EfficientNetB{i}",
            "avg_pool",
            "pool",
        )
        for i in range(8)
    },
}


def spec_of(preset: str, path: str, **settings: Any) -> RunSpec:
    family = TWINS[preset][0]
    base = RunSpec(family=family, dataset="synthetic")
    return base.configure({**preset_of(family, preset), "weights": path, **settings})


def twin_of(preset: str, **options: Any) -> tuple[keras.Model, np.ndarray]:
    """Returns keras.applications' 1000-class network, and `images` as it takes them."""
    _, module, function, _, _ = TWINS[preset]
    keras.utils.set_random_seed(0)
    pixels = getattr(keras.applications, module).preprocess_input(images())
    make = getattr(keras.applications, function)
    twin = make(**{"weights": None, "input_shape": SHAPE, "classes": 1000, **options})
    return enlivened(twin, 0.6 if module == "efficientnet" else 1.0), pixels


def check_features(preset: str, twin: keras.Model, pixels: np.ndarray, ours: keras.Model) -> None:
    """Fails unless both see the same in images, and tell them apart."""
    _, _, _, there, here = TWINS[preset]
    expected = np.asarray(keras.Model(twin.inputs[0], twin.get_layer(there).output)(pixels))
    features = keras.Model(ours.inputs[0], ours.get_layer(here).output)
    found = np.asarray(features(images() / np.float32(255)))
    spread = np.ptp(expected, axis=0).max()
    print(f"{preset}: {np.abs(found - expected).max():.1e} of {spread:.1e}")
    assert spread > 1e-2 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=1e-4 * spread, rtol=0)


@pytest.mark.slow
def test_imagenet_weights_of_efficientnet_bring_a_division_that_their_file_does_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `weights="imagenet"` loads is a file of ours here, in place of the one of the net."""
    stored, pixels = twin_of("efficientnet_b0")
    norm = next(each for each in stored.layers if isinstance(each, keras.layers.Normalization))
    norm.set_weights(
        [np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225]), np.int32(0)]
    )
    path = written(stored, tmp_path / "efficientnetb0.h5")
    body = keras.Model(stored.inputs[0], stored.get_layer("avg_pool").output)
    notop = written(body, tmp_path / "efficientnetb0_notop.h5")
    monkeypatch.setattr(keras_efficientnet.file_utils, "get_file", lambda *args, **more: notop)
    twin = keras.applications.EfficientNetB0(
        weights="imagenet", include_top=False, input_shape=SHAPE, pooling="avg"
    )
    build = builder(spec_of("efficientnet_b0", path))
    check_features("efficientnet_b0", twin, pixels, build(0))


@pytest.mark.slow
def test_of_a_vgg_for_images_of_another_size_the_dense_layers_start_anew(tmp_path: Path) -> None:
    twin, pixels = twin_of("vgg16", include_top=False)
    for ending in ("x.h5", "x.weights.h5"):
        path = written(twin, tmp_path / ending)
        build = builder(spec_of("vgg16", path, dense=8))
        check_features("vgg16", twin, pixels, build(0))
        assert build.start.anew == ("dense1", "dense2")
        assert build.start.told()["start"]["layers"] == 13
        for settings, shape, message in (
            ({"freeze": "dense1_act"}, SHAPE, "would keep dense1 as a seed makes it"),
            ({}, (28, 28, 1), r"images in colour, with 3 channels\. These have 1"),
            (
                {"filters": 4},
                SHAPE,
                r"conv1 is 3x3x3x4 \+ 4 here, 3x3x3x64 \+ 64 there.*; and 12 more",
            ),
            ({"depth": 11}, SHAPE, r"block2_conv1 is 3x3x64x128 .* here, 3x3x64x64 .* there"),
            ({"depth": 19}, SHAPE, r"block3_conv4 is 3x3x256x256 \+ 256 here, 3x3x256x512"),
        ):
            with pytest.raises(building.InfeasibleError, match=message):
                builder(spec_of("vgg16", path, **{"dense": 8, **settings}), *shape).bare(0)
    with pytest.raises(
        ValueError, match=r"are for efficientnet, resnet, vgg\. Received: cnn, which"
    ):
        starts.check(weights.named(path), "cnn")


def run_of(folder: Path, *shape: int, seed: int = 5, **settings: Any) -> str:
    """Writes the network of a run, and returns its folder."""
    folder.mkdir(parents=True)
    model = builder(SPEC.configure({**SMALL, **settings}), *shape)(seed)
    enlivened(model)
    model.save(folder / "model.keras")
    return str(folder)


def values(model: keras.Model, *names: str) -> list[np.ndarray]:
    return [value for name in names for value in model.get_layer(name).get_weights()]


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


BODY = ("block1_conv1", "block1_conv1_norm", "block2_conv1", "block2_conv1_norm", "dense1")


def test_a_run_gives_all_but_its_logits_which_a_seed_makes(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "search0")
    theirs = keras.saving.load_model(tmp_path / "search0/model.keras", compile=False)
    build = builder(SPEC.configure({**SMALL, "weights": folder}))
    one, two = build(1), build(2)
    assert build.start.anew == ()
    for ours in (one, two):
        assert same(values(ours, *BODY), values(theirs, *BODY))
        assert not same(values(ours, "logits"), values(theirs, "logits"))
    assert not same(values(one, "logits"), values(two, "logits"))
    # The seed makes what it makes of a network that starts from nothing.
    alone = builder(SPEC.configure(SMALL))(1)
    assert same(values(one, "logits"), values(alone, "logits"))


def test_a_run_gives_the_layers_that_fit_from_the_first_on(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "search0")
    build = builder(
        SPEC.configure({**SMALL, "weights": folder, "freeze": "block2_pool"}), 16, 16, 3
    )
    ours = build(0)
    assert build.start.taken == BODY[:4]
    assert build.start.anew == ("dense1",)
    theirs = keras.saving.load_model(tmp_path / "search0/model.keras", compile=False)
    assert same(values(ours, *BODY[:4]), values(theirs, *BODY[:4]))
    # A layer behind one that starts anew has nothing to go on with, though it fits.
    wide = SPEC.configure({**SMALL, "weights": folder, "kernel_size": 5})
    message = (
        r"do not fit: block1_conv1 is 5x5x3x4 here, 3x3x3x4 there; block2_conv1 is 5x5x4x8 here, "
        r"3x3x4x8 there\. 3 of 5 layers fit"
    )
    with pytest.raises(building.InfeasibleError, match=message):
        builder(wide)(0)
    with pytest.raises(
        building.InfeasibleError, match="images with 3 channels, these have 1: block1_conv1"
    ):
        builder(SPEC.configure({**SMALL, "weights": folder}), 32, 32, 1)(0)


def test_a_chain_of_runs_keeps_the_preprocessing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    base = RunSpec(family="resnet", dataset="synthetic").configure({"filters": 4})
    first = builder(base.configure({"preprocessing": "imagenet"}))(3)
    first.save(tmp_path / "run/model.keras")
    ours = builder(base.configure({"weights": str(tmp_path / "run")}))(0)
    assert ours.get_layer("preprocess_scale").scale == 255
    features = [keras.Model(e.inputs[0], e.get_layer("pool").output) for e in (first, ours)]
    one, two = (np.asarray(each(images() / np.float32(255))) for each in features)
    np.testing.assert_array_equal(one, two)


def test_freezing_keeps_a_layer_and_all_that_lead_to_it(tmp_path: Path) -> None:
    base = RunSpec(family="resnet", dataset="synthetic").configure({"filters": 4})
    # Within a block: the shortcut beside it does not lead there.
    wide = base.configure({"shortcut": "projection", "freeze": "stage2_block1_conv1"})
    trained = {layer.name for layer in builder(wide)(0).layers if layer.trainable_variables}
    assert "stage2_block1_shortcut" in trained
    assert "stage2_block1_conv2" in trained
    assert not trained & {"stem_conv", "stem_conv_norm", "stage1_block1_conv2"}
    assert "stage2_block1_conv1" not in trained
    with pytest.raises(
        building.InfeasibleError, match=r"No 'stage1_block1_ad' in the layers.*'stage1_block1_add'"
    ):
        builder(base.configure({"freeze": "stage1_block1_ad"}))(0)
    with pytest.raises(building.InfeasibleError, match="'logits'` leaves nothing to train"):
        builder(base.configure({"freeze": "logits"}))(0)


def test_a_file_counts_by_what_it_holds(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "there/search0")
    spec = SPEC.configure({"weights": folder})
    (tmp_path / "there").rename(tmp_path / "here")
    moved = SPEC.configure({"weights": str(tmp_path / "here/search0/model.keras")})
    assert spec.weights != moved.weights
    assert spec.config_id == moved.config_id != SPEC.config_id
    assert SPEC.configure({"weights": "none", "freeze": "none"}) == SPEC
    assert RunSpec.from_json(spec.to_json()) == spec  # The file is gone: nothing asks for it.
    assert short(spec.weights) == f"search0@{weights.content(spec.weights)[:4]}"
    with pytest.raises(ValueError, match=r"there/search0/model.keras \(hash .{12}\) are not there"):
        weights.found(spec.weights)
    assert weights.found(spec.weights, tmp_path / "here/search0") == moved.weights
    path = weights.path_of(moved.weights)
    path.write_bytes(path.read_bytes() + b" ")
    other = SPEC.configure({"weights": str(path)})
    assert other.config_id != moved.config_id
    with pytest.raises(ValueError, match=r"model.keras changed: hash .{12}, the study's .{12}"):
        weights.found(moved.weights)
    with pytest.raises(RuntimeError, match=r"model.keras changed"):
        builder(moved)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "x.h5", "cannot be read as a file of weights"),
        (b"what is this", "x.h5", "cannot be read as a file of weights"),
        (b"PK\x03\x04 cut", "model.keras", "cannot be read as a file of weights"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(
    content: bytes, name: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        starts.check(weights.named(str(tmp_path / name)), "vgg")


def test_hdf5_of_something_else_and_a_cut_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["measured"] = np.zeros(10_000)
    with pytest.raises(ValueError, match="neither `layers` nor `layer_names`"):
        starts.check(weights.named(str(path)), "vgg")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="truncated"):
        starts.check(weights.named(str(cut)), "vgg")
    for typed in ("gone.h5", ""):
        with pytest.raises(ValueError, match=r"There is no file of weights|holds no model.keras"):
            weights.named(typed)
    with pytest.raises(ValueError, match=r"holds no model.keras"):
        weights.named(str(tmp_path))


def test_long_lists_of_names_are_read_in_pieces(tmp_path: Path) -> None:
    """Keras 2 cuts attributes above 64 KB."""
    path = tmp_path / "long.h5"
    names = [f"layer{i}".ljust(400, "_") for i in range(300)]
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_attributes_to_hdf5_group(
            file, "layer_names", [name.encode() for name in names]
        )
        for name in names:
            legacy_h5_format.save_attributes_to_hdf5_group(
                file.create_group(name), "weight_names", [b"kernel"]
            )
            file[name]["kernel"] = np.zeros(1)
        assert "layer_names" not in file.attrs
    with saved_layers.opened(path) as contents:
        assert list(contents.names) == names
