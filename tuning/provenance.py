"""How a study came about: its data, how it was trained, where, and by which commands."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn import durations
from tuning import scores
from tuning import space as spaces
from tuning.study import Study

# Classes up to which each has its number of images.
_CLASSES = 30
_SEEDS = (
    "a run's seed is derived from the study's, its configuration, phase and repeat: none is chosen"
)


def data(study: Study) -> dict[str, str]:
    """Returns what is known of the data, by name."""
    about, base = study.about.get("data", {}), study.spec.base
    if study.imported is not None:
        return {"data": "unknown: the runs are another tool's"}
    found = {
        "data set": about.get("name", base.dataset),
        "fingerprint": f"{base.fingerprint} (SHA-256 of pixels, labels and parts)",
        "images": _shape(about.get("input_shape", ())),
        "parts": ", ".join(f"{part} {n:,}" for part, n in about.get("parts", {}).items()),
        "training images": f"train_size {base.train_size:g}" if base.train_size else "",
        "division": f"by seed {base.split_seed}, stratified; exact copies stay in one part",
        "kept together": f"images whose paths agree in {base.group_by}" if base.group_by else "",
        **_classes(study, about.get("class_names", ())),
        "remarks": " ".join(about.get("notes", ())),
    }
    return {name: text for name, text in found.items() if text}


def _shape(shape: Any) -> str:
    return " x ".join(map(str, shape)) + (" (height, width, channels)" if shape else "")


def _classes(study: Study, names: Any) -> dict[str, str]:
    labels = scores.read_labels(scores.labels_file(study.folder, "validation"))
    if not len(names):
        return {}
    if labels is None:
        return {"classes": f"{len(names)}"}
    counts = np.bincount(labels, minlength=len(names))
    if len(names) > _CLASSES:
        span = f"{counts.min():,} to {counts.max():,}"
        return {"classes": f"{len(names):,}, of {span} images each on validation"}
    told = ", ".join(f"{name} ({count:,})" for name, count in zip(names, counts, strict=False))
    return {"classes": f"{len(names)}, with their images on validation: {told}"}


def training(study: Study) -> dict[str, str]:
    """Returns how the runs were trained, by name."""
    spec = study.spec
    families = dict.fromkeys(Path(record.spec.family).stem for record in study.records())
    epochs = sorted({record.spec.epochs for record in study.records()})
    precisions = dict.fromkeys(record.spec.precision for record in study.records())
    found = {
        "made by": spec.made_by if study.imported is None else "import-tuner",
        "families": ", ".join(families),
        "oracle": spec.oracle + (f", points by {spec.points}" if spec.points else ""),
        "objective": ", ".join((spec.objective, *spec.further)),
        "epochs": " to ".join(dict.fromkeys((str(epochs[0]), str(epochs[-1])))) if epochs else "",
        "training sets": spec.subsets,
    }
    if study.imported is None:
        found |= {
            "trainer": study.trainer,
            "backend": spec.backend,
            "precision": ", ".join(precisions),
            "threads": f"{spec.threads} a run",
            "seeds": f"{spec.seed} is the study's; {_SEEDS}",
        }
    limits = {"parameters": spec.max_params, "multiply-accumulates": spec.max_macs}
    found["at most"] = ", ".join(f"{n:,} {name}" for name, n in limits.items() if n)
    for contender in spec.contenders if spec.oracle else ():
        domains = (f"{n}={spaces.text(domain)}" for n, domain in contender.space.items())
        found[f"space of {contender.name}"] = "  ".join(domains)
    return {name: text for name, text in found.items() if text}


def machines(study: Study) -> dict[str, str]:
    """Returns where the runs were trained and with what, by name."""
    records = study.records()
    counts = Counter(_host(record.host) for record in records)
    took = sum(record.seconds for record in records)
    ended = sorted(str(record.host["ended"]) for record in records if "ended" in record.host)
    found = {
        "begun": study.about.get("created", ""),
        "last run ended": ended[-1] if ended else "",
        "runs": f"{len(records):,}, {durations.text(took)} of training in all",
        "begun with": _versions(study.about.get("versions", {})),
    }
    for i, (host, count) in enumerate(counts.most_common()):
        if host:
            name = "trained on" if len(counts) == 1 else f"trained on ({i + 1})"
            found[name] = f"{host}: {count:,} runs"
    return {name: text for name, text in found.items() if text}


def _host(host: Any) -> str:
    if "versions" not in host:
        return ""
    threads = host.get("threads", 1)
    cores = "1 thread" if threads == 1 else f"{threads} threads"
    where = [host.get("machine", "")]
    if (device := host.get("device", "cpu")) != "cpu":
        where.append(device)
    return (
        f"{', '.join(where)}, Python {host.get('python', '')}, "
        f"{_versions(host['versions'])}, {cores}, trainer {host.get('trainer', '')}"
    )


def _versions(versions: Any) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)
