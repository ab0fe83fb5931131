"""A study: one folder that holds one search, or what several `train` commands gathered."""

import dataclasses
import datetime
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascnn import registry, training
from kerascnn.record import RunLog, RunRecord, write_file
from kerascnn.spec import RunSpec, Value
from tuning.search_spec import SearchSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RUNS = Path("runs")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Study:
    """A study's folder: `study.json`, written once, and `log.jsonl`, the truth."""

    def __init__(self, folder: str | Path) -> None:
        """Opens an existing study.

        Raises:
            ValueError: If `folder` holds none, or its `study.json` is damaged.
        """
        self.folder = Path(folder)
        try:
            self.about = json.loads((self.folder / "study.json").read_bytes())
            self.spec = SearchSpec.from_json(self.about["spec"])
        except (FileNotFoundError, NotADirectoryError):
            raise ValueError(f"No study at {self.folder}: it has no study.json.") from None
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.folder / 'study.json'} is damaged: {error}") from None
        self._use(self._kept)
        self.log = RunLog(self.folder / "log.jsonl")

    def use(self, dataset: str) -> None:
        """Takes another path of the same data."""
        self._use(lambda base: dataclasses.replace(base, dataset=dataset))

    def _use(self, change: Callable[[RunSpec], RunSpec]) -> None:
        self.spec = self.spec.based([change(each.base) for each in self.spec.contenders])

    def _kept(self, base: RunSpec) -> RunSpec:
        """Returns `base` with the user's own family where the study keeps its copy."""
        family = self.located({"family": base.family, "code": base.code})["family"]
        return dataclasses.replace(base, family=str(family))

    def configured(self, point: Mapping[str, Value]) -> RunSpec:
        """Returns the configuration that a point of this study is, no run of it in particular.

        Raises:
            ValueError: If the point has a setting that there is not, or a value out of range.
        """
        if not self.spec.oracle:
            return self.spec.base.configure(self.located(point))
        values = {name: value for name, value in point.items() if name != "family"}
        return self.spec.contender(point).base.configure(values)

    def located(self, point: Mapping[str, Value]) -> dict[str, Value]:
        """Returns `point` with the user's own family where the study keeps its copy."""
        copy = self.code(str(point.get("family", "")), str(point.get("code", "")))
        return {**point, **({"family": str(copy)} if copy.is_file() else {})}

    def code(self, family: str, code: str) -> Path:
        """Returns where the study keeps the user's own file `family` with content hash `code`."""
        return (self.folder / "code" / (code or "none") / Path(family).name).resolve()

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def apart(self) -> Path:
        """Where runs leave their files that must not overwrite those of longer ones."""
        return self.folder / "apart"

    @property
    def imported(self) -> dict[str, Any] | None:
        """Where another tool's trials came from, if the study is made of these; else None."""
        found: dict[str, Any] | None = self.about.get("imported")
        return found

    @property
    def trainer(self) -> str:
        """The trainer of its runs, with the form that was settled for it."""
        form = self.about.get("form", {}).get("form", "")
        return f"{self.spec.trainer}:{form}" if form else self.spec.trainer

    @property
    def together(self) -> int:
        """How many runs its trainer computes at once: calls have a multiple of it."""
        return int(self.about.get("form", {}).get("together", 1))

    def settle(self, form: Mapping[str, Any]) -> None:
        """Keeps in which form its trainer computes: another differs in the last bits.

        Args:
            form: What `training.choose` returned.
        """
        self.about = {**self.about, "form": dict(form)}
        write_file(self.folder / "study.json", json.dumps(self.about, indent=1).encode())

    def records(self) -> list[RunRecord]:
        """Returns one record a run, the one that went furthest, in the order they ended."""
        return [record for _, record in self.identified()]

    def identified(self) -> list[tuple[str, RunRecord]]:
        """Returns `records`, each with its configuration's id, which takes a hash to find."""
        longest: dict[tuple[str, str, str, int], tuple[str, RunRecord]] = {}
        for record in self.log:
            spec = record.spec
            config = spec.config_id
            run = config, spec.phase, spec.subset, spec.seed
            known = longest.get(run)
            if known is None or spec.last_epoch >= known[1].spec.last_epoch:
                longest[run] = config, record
        return list(longest.values())


def create(folder: Path, spec: SearchSpec, about: Mapping[str, Any]) -> Study:
    """Opens the study in `folder` if it is this one, or starts it there.

    Args:
        folder: The study's folder.
        spec: What the study is.
        about: What else `study.json` should say: command, versions, data.

    Raises:
        ValueError: If the folder holds another study (the differences are named), or files that
            are none.
    """
    if (folder / "study.json").exists():
        study = Study(folder)
        if study.imported is not None:
            raise ValueError(
                f"{folder} was imported from {study.imported['format']}: "
                "nothing can be trained in it."
            )
        if changes := differences(study.spec, spec):
            raise ValueError(f"{folder} holds another study: {'; '.join(changes)}.")
        return study
    if folder.exists() and not _is_empty(folder):
        raise ValueError(f"{folder} exists and is not a study: it has no study.json.")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    fields = {"spec": spec.to_json(), "created": now, **about}
    try:
        write_file(folder / "study.json", json.dumps(fields, indent=1).encode())
    except OSError:
        if folder.is_dir() and _is_empty(folder):
            folder.rmdir()
        raise
    return Study(folder)


def _is_empty(folder: Path) -> bool:
    """Returns whether a study may begin there: what a killed beginning left does not count."""
    if not folder.is_dir():
        return False
    left = [path for path in folder.iterdir() if path.name.startswith(".study.json.")]
    for path in left:
        path.unlink(missing_ok=True)
    return not any(folder.iterdir())


def differences(ours: SearchSpec, theirs: SearchSpec) -> list[str]:
    """Returns what makes them two studies, a phrase each; empty if they are one."""
    if ours.made_by != theirs.made_by:
        return [f"it was made by `{ours.made_by}`, not by `{theirs.made_by}`"]
    old, new = ours.identity(), theirs.identity()
    if old["fingerprint"] != new["fingerprint"]:  # The pattern may be why.
        old["group_by"], new["group_by"] = ours.base.group_by, theirs.base.group_by
    old, new = _apart(old, new), _apart(new, old)
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if "families" in changed:  # All else that differs follows from it.
        changed = ["families"]
    if "fingerprint" in changed:
        changed.remove("fingerprint")
        there, here = (Path(spec.base.dataset).name for spec in (ours, theirs))
        if there == here:
            there, here = (spec.base.fingerprint[:8] for spec in (ours, theirs))
        return [f"the data are {there} there, {here} here", *_phrases(changed, old, new)]
    return _phrases(changed, old, new)


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an identity with each setting of a space by itself, where both have that space."""
    found: dict[str, Any] = {}
    for name, value in one.items():
        if isinstance(value, dict) and isinstance(other.get(name), dict):
            found |= {f"{name} of {setting}": domain for setting, domain in value.items()}
        else:
            found[name] = value
    return found


def _phrases(names: list[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [f"{name} is {old.get(name)!r} there, {new.get(name)!r} here" for name in names]


def default_name(spec: SearchSpec, threads: int | None = None) -> str:
    """Returns "<family>-<dataset>-<4 hex digits of the identity>".

    Args:
        spec: The study, of a `train` command with its configuration as base.
        threads: What the user asked for. Otherwise threads are what the study was begun with,
            and decide no name.
    """
    config = {} if spec.oracle else {"config": spec.base.config_id}
    identity = {**spec.distinctions(), **config, "threads": threads or 0}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:4]
    families = (contender.name for contender in spec.contenders)
    words = (*families, Path(spec.base.dataset).stem)
    return "-".join((*(re.sub(r"[^A-Za-z0-9._-]+", "_", w).strip("._-") for w in words), digest))


def folder_of(name: str) -> Path:
    """Returns the folder a new study called `name` goes to: a path, or a name under `./runs`."""
    if "/" in name or name.startswith("."):
        return Path(name)
    if not _NAME.fullmatch(name):
        raise ValueError(f"A study's name is letters, digits, '.', '_', '-'. Received: {name!r}")
    return RUNS / name


def find(name: str | None = None) -> Study:
    """Returns the study of that name or path; None: the one last written under `./runs`.

    Raises:
        ValueError: If there is none. The message lists those there are.
    """
    if name == "":
        raise ValueError("A study's name or folder was expected. Received: ''")
    known = {path.parent.name: path.parent for path in RUNS.glob("*/study.json")}
    if name is None:
        if not known:
            raise ValueError(f"No study under {RUNS.resolve()}. Start one with: search")
        return Study(max(known.values(), key=_last_written))
    if name in known:
        return Study(known[name])
    if Path(name).is_dir():
        return Study(name)
    if not known:
        raise ValueError(f"No study {name!r}: there is none under {RUNS.resolve()}.")
    raise ValueError(registry.unknown("studies under ./runs", name, sorted(known)))


def save_labels(folder: Path, part: str, labels: "npt.NDArray[np.int32]") -> None:
    """Keeps the labels of a part in the study, so that its logits can be read without the data.

    Args:
        folder: The study's folder.
        part: The part they belong to; "train" for its probe.
        labels: int32 (n,), in the order of the logits.
    """
    path = folder / f"labels-{part}.npy"
    if not path.exists():
        training.save_array(path, labels)


def _last_written(folder: Path) -> float:
    files = (folder / "log.jsonl", folder / "study.json")
    return max(file.stat().st_mtime for file in files if file.exists())
