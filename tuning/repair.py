"""What was damaged in a study's log is given up on record, so that the study can go on.

A damaged line gives way to a `lost` line; every other stays where it is. What it said comes back by
itself: a run is adopted from its folder or trained again, an ask is asked again, as the oracle is a
function of what came before. For that the asks after it are given up too, if it may have been one:
runs of theirs wait in the log until their trial is asked for again, and count then.
"""

from tuning.study import Study


def repair(study: Study) -> str:
    """Gives up what is damaged in the log, which is open for writing.

    Returns:
        What was done, in a sentence; "" if nothing is damaged.
    """
    log = study.log
    damaged = [number for number, line in log.numbered() if line is None]
    if not damaged:
        return ""
    reasons = dict.fromkeys(damaged, "It was damaged.")
    again = _asks_to_repeat(study) if study.spec.oracle else []
    reasons |= dict.fromkeys(again, "An ask before it was lost: it is asked for again.")
    kept = log.give_up(reasons)
    numbers = ", ".join(str(number) for number in damaged)
    lines = f"Line {numbers} of {log.path} was" if len(damaged) == 1 else f"Lines {numbers} were"
    return (
        f"{lines} damaged and given up; the log as it was is {kept.name}. "
        "What is missing is adopted or done again."
    )


def _asks_to_repeat(study: Study) -> list[int]:
    """Returns the lines of the asks after the first that is missing."""
    lines = [(number, line) for number, line in study.log.numbered() if line is not None]
    asks = [(number, line["trial"]) for number, line in lines if line["kind"] == "ask"]
    missing = next((i for i, (_, trial) in enumerate(asks) if trial != i), len(asks))
    return [number for number, _ in asks[missing:]]
