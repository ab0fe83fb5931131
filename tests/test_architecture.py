"""The shape of the project, held by machine: arrows point down, `--help` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tuning import cli

ROOT = Path(__file__).parents[1]

# A module may import from the lines above its own, and from the workshop of its own room.
LAYERS = [
    {
        "kerascnn.registry",
        "kerascnn.quiet",
        "kerascnn.cache",
        "kerascnn.memory",
        "kerascnn.durations",
        "kerascnn.host",
    },
    {"kerascnn.checks", "kerascnn.weights", "kerascnn.saved_layers"},
    {"kerascnn.spec"},
    {
        "kerascnn.record",
        "kerascnn.metrics",
        "kerascnn.precision",
        "kerascnn.costs",
        "kerascnn.latency",
    },
    {"kerascnn.events", "kerascnn.checkpoint", "kerascnn.starts"},
    {
        "kerascnn.models",
        "kerascnn.datasets",
        "kerascnn.loggers",
        "kerascnn.exporters",
        "kerascnn.corruptions",
        "kerascnn.explainers",
    },
    {"kerascnn.trainers", "kerascnn.anatomy", "kerascnn.signals"},
    {"kerascnn.attempt", "kerascnn.answers", "kerascnn.building"},
    {"kerascnn.training"},
    {
        "tuning.space",
        "tuning.measures",
        "tuning.rules",
        "tuning.standings",
        "tuning.dominance",
        "tuning.objectives",
        "tuning.tags",
        "tuning.sheets",
        "tuning.plotly_script",
        "tuning.markdown",
    },
    {
        "tuning.differences",
        "tuning.bias_variance",
        "tuning.selection",
        "tuning.seed_counts",
        "tuning.calibration",
        "tuning.scaling",
        "tuning.map_agreement",
    },
    {
        "tuning.variance_sources",
        "tuning.crossed",
        "tuning.pairs",
        "tuning.extrapolation",
        "tuning.robust_scores",
    },
    {
        "tuning.spaces",
        "tuning.oracles",
        "tuning.executors",
        "tuning.keras_tuner_space",
        "tuning.contender",
    },
    {"tuning.search_spec", "tuning.searchable", "tuning.keras_tuner_project"},
    {"tuning.keras_tuner_metrics"},
    {"tuning.study", "tuning.scores"},
    {"tuning.spread", "tuning.typed"},
    {"tuning.trial"},
    {"tuning.summary", "tuning.trials", "tuning.begin", "tuning.gathered", "tuning.retraining"},
    {"tuning.stops", "tuning.declarations", "tuning.examples"},
    {"tuning.failures", "tuning.liveness", "tuning.leftovers", "tuning.repair"},
    {"tuning.asking", "tuning.plan", "tuning.dispatch", "tuning.repeating"},
    {"tuning.limits", "tuning.enqueued"},
    {"tuning.search", "tuning.rows", "tuning.rounds", "tuning.gradients"},
    {"tuning.fronts"},
    {"tuning.comparison", "tuning.leaving", "tuning.pools"},
    {
        "tuning.shortlisting",
        "tuning.from_keras_tuner",
        "tuning.into_keras_tuner",
        "tuning.into_optuna",
        "tuning.earlier",
        "tuning.wording",
        "tuning.robust_runs",
        "tuning.looking",
    },
    {
        "tuning.confirmation",
        "tuning.decomposition",
        "tuning.thumbnails",
        "tuning.cells",
        "tuning.logged",
        "tuning.robustness",
        "tuning.explained_sheets",
    },
    {
        "tuning.confirmation_report",
        "tuning.decomposition_report",
        "tuning.curve_plan",
        "tuning.explaining",
        "tuning.log_curves",
        "tuning.log_wording",
    },
    {"tuning.learning_curve", "tuning.robust_kept", "tuning.frames"},
    {
        "tuning.findings",
        "tuning.confirmation_wording",
        "tuning.decomposition_wording",
        "tuning.curve_wording",
    },
    {
        "tuning.event_logs",
        "tuning.study_findings",
        "tuning.figures",
        "tuning.tables",
        "tuning.provenance",
        "tuning.caveats",
    },
    {"tuning.report", "tuning.model_card"},
    {"tuning.exporting"},
    {"tuning.dashboard", "tuning.reports"},
    {"tuning.launch"},
    {"tuning.cli", "tuning.commands"},
    {"run"},
]
HEAVY = {
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "keras_tuner",
    "optuna",
    "numpy",
    "scipy",
    "sklearn",
    "plotly",
    "tensorboard",
    "PIL",
    "rich",
    "ray",
}
# Package -> what a function of it imports when it is called; importing the package does not.
DOORS = {"tuning": {"tuning.into_keras_tuner"}}
FILES = [*ROOT.glob("kerascnn/**/*.py"), *ROOT.glob("tuning/**/*.py"), ROOT / "run.py"]
COMMANDS = cli.names()


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module: str) -> int | None:
    ranks = [r for r, names in enumerate(LAYERS) for n in names if f"{module}.".startswith(f"{n}.")]
    return max(ranks, default=None)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in {"kerascnn", "tuning", "run"}}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_arrows_point_down(path: Path) -> None:
    module = name_of(path)
    own = layer(module)
    if module in {"kerascnn", "tuning"}:
        assert imports(path) == DOORS.get(module, set())
        return
    assert own is not None, f"{module} has no place in LAYERS"
    room = module.split(".")[:2]
    for name in imports(path):
        rank = layer(name)
        if rank is None or name.split(".")[:2] == room:
            continue
        assert rank < own, f"{module} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300, "split the file"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node) or ""
            length = (node.end_lineno or 0) - node.lineno - docstring.count("\n")
            assert length <= 60, f"{node.name} has {length} lines"


@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)], ids=str)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys; from tuning.cli import cli\n"
        f"try: cli([*{arguments!r}, '--help'])\n"
        "finally: print('loaded', *{m.partition('.')[0] for m in sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    help_text, _, loaded = ran.stdout.rpartition("loaded")
    assert help_text.startswith("Usage:")
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("package", ["kerascnn", "tuning"])
def test_a_package_alone_loads_nothing(package: str) -> None:
    """A door in it imports as it is called, not before."""
    code = f"import sys; import {package}; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert not HEAVY & {name.partition(".")[0] for name in loaded}
    assert {name for name in loaded if name.partition(".")[0] in {"kerascnn", "tuning"}} == {
        package
    }


def test_a_search_starts_its_workers_without_statistics() -> None:
    """SciPy is there in time for the leaderboard; before, workers would wait for it."""
    code = "import sys; from tuning import launch, plan; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"scipy", "keras", "sklearn"} & set(ran.stdout.split())


def test_kerascnn_never_imports_tuning() -> None:
    for path in ROOT.glob("kerascnn/**/*.py"):
        assert not [name for name in imports(path) if name.startswith("tuning")], path
