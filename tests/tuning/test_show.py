"""`show`: a network layer by layer, and what is typed wrong."""

import json

import pytest
from click.testing import CliRunner

from tuning import cli
from tuning.commands import show


def test_it_prints_what_a_network_is() -> None:
    ran = CliRunner().invoke(show.command, ["lenet", "--preset", "lenet5", "--input", "32x32x1"])
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert lines[1].split()[:4] == ["block1_conv1", "Conv2D", "28x28x6", "5x5"]
    assert lines[1].endswith("floor((32 - 5) / 1) + 1 = 28")
    assert "61,706 parameters, 416,520 multiply-accumulates" in lines[-2]
    assert "2,572 parameters" in lines[-1]


def test_json_holds_the_same() -> None:
    arguments = ["cnn", "--set", "filters=4", "--set", "depth=1", "--input", "8x8x1", "--json"]
    told = json.loads(CliRunner().invoke(show.command, arguments).stdout)
    assert (told["input"], told["classes"]) == ([8, 8, 1], 10)
    assert told["parameters"] == sum(layer["parameters"] for layer in told["layers"])
    assert told["layers"][0]["field"] == [3, 3]


def test_a_family_without_convolutions_is_said_to_be_one() -> None:
    assert "It has no convolution" in CliRunner().invoke(show.command, ["mlp"]).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenett"], "Did you mean 'lenet'?"),
        (["lenet", "--preset", "lenet6"], "Did you mean 'lenet5'?"),
        (["cnn", "--set", "filter=4"], "Did you mean 'filters'?"),
        (["cnn", "--set", "filters=none"], "filters"),
        (["cnn", "--input", "32x32"], "--input is HEIGHTxWIDTHxCHANNELS"),
        (["cnn", "--input", "0x32x3"], "--input is HEIGHTxWIDTHxCHANNELS"),
        (["cnn", "--classes", "1"], "1 is not in the range"),
        (["alexnet", "--preset", "alexnet", "--input", "8x8x3"], "8"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["show", *arguments])
    _, err = capfd.readouterr()
    assert stopped.value.code == 2
    assert message in err
    assert "Traceback" not in err
