"""What a learning curve tells, in words."""

from pathlib import Path

from tuning.extrapolation import Extrapolation
from tuning.learning_curve import Curve, Report
from tuning.measures import Interval


def name(report: Report, curve: Curve) -> str:
    """Returns the family, with its settings where others of the family stand beside it."""
    family = Path(curve.family).stem
    if sum(other.family == curve.family for other in report.curves) == 1:
        return family
    return " ".join((family, *(f"{name}={value}" for name, value in curve.hyperparameters.items())))


def said(curve: Curve) -> list[str]:
    """Returns what the curve tells, a sentence or two a line."""
    found, name = curve.extrapolation, Path(curve.family).stem
    lines = []
    if found.law is not None:
        lines.append(f"{name}: error = {_law(found)}")
    held = found.held_out
    if held is not None:
        low, high = held.difference_interval
        lines.append(
            f"Held out, {curve.points[-1].size:,} images: the smaller sizes predict "
            f"{held.predicted:.4f}, {held.seen:.4f} was seen; {held.predicted - held.seen:+.4f} "
            f"(95 % {low:+.4f} to {high:+.4f})."
        )
    lines.append(more(curve))
    if found.doubled is None:
        return lines
    lines.append(
        f"More data alone would leave {found.law.floor:.4f} ({_ends(found.floor_interval)})."
        if found.law is not None and found.floor_interval is not None and found.knows_floor
        else "Beyond that nothing is said: a floor of 0 cannot be ruled out, so that floor and "
        "exponent cannot be told apart."
    )
    return lines


def more(curve: Curve) -> str:
    """Says what twice the data would bring, or why that cannot be said."""
    found, name = curve.extrapolation, Path(curve.family).stem
    if found.doubled is None:
        return f"What more data would bring to {name} cannot be said: {found.reason}."
    more = found.doubled
    return (
        f"Doubling the data, to {more.size:,} images, would bring the error of {name} from "
        f"{more.now:.4f} to {more.then:.4f} (95 % {_ends(more.then_interval)}), by {more.gain:.4f} "
        f"({_ends(more.gain_interval)}), trained for as many steps."
    )


def _law(found: Extrapolation) -> str:
    law = found.law
    assert law is not None
    if law.exponent is None:
        return f"{law.floor:.4f} at every size"
    intervals = {
        "floor": found.floor_interval,
        "scale": found.scale_interval,
        "exponent": found.exponent_interval,
    }
    known = [f"{name} {_ends(each)}" for name, each in intervals.items() if each is not None]
    return f"{law.floor:.4f} + {law.scale:.3g} n^-{law.exponent:.3f}" + (
        f" (95 %: {', '.join(known)})" if known else ""
    )


def _ends(interval: Interval) -> str:
    return " to ".join(f"{end:.4f}" if abs(end) < 10 else f"{end:.3g}" for end in interval)
