"""Weights to start from, as they are typed: a run of a study is its network's file."""

from pathlib import Path

from kerascnn import attempt, weights


def resolved(pairs: dict[str, str]) -> dict[str, str]:
    """Returns settings as typed, runs that weights name, "study:d0c9/1", as their networks' files.

    Raises:
        ValueError: If there is no such run, or its network is not kept.
    """
    if "weights" not in pairs:
        return pairs
    words = [_path(word) for word in pairs["weights"].split(",")]
    return {**pairs, "weights": ",".join(words)}


def _path(word: str) -> str:
    name, colon, run = word.rpartition(":")
    if not colon or Path(word).exists():
        return word
    from tuning import explaining, study  # NumPy, which few need so early.

    found = study.find(name)
    config, _, number = run.partition("/")
    if number and not number.isdecimal():
        raise ValueError(f"A run is named STUDY:ID/REPEAT, such as {name}:d0c9/0. Received: {word}")
    record = explaining.runs_of(found, config, int(number or 0))[0]
    network = attempt.run_dir(found.folder, record.spec) / weights.NETWORK
    if not network.is_file():
        raise ValueError(
            f"No network is kept of {word}, only of run 0 of the leaders (--keep). Any run 0 "
            f"leaves with: export {name} --config {config} --format keras_archive --to PATH"
        )
    return str(network)
