"""Times as people write them: "90s", "20m", "1h30m"."""

import re

# Unit -> seconds, the largest first.
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_NUMBER = r"\d+(?:\.\d+)?"
_WRITTEN = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in _UNITS))
_PLAIN = re.compile(_NUMBER)


def seconds(text: str) -> float:
    """Reads "90s", "20m", "2h", "1h30m", "1d", or plain seconds.

    Raises:
        ValueError: If it is none of these, or 0.
    """
    typed = text.strip().lower()
    if _PLAIN.fullmatch(typed):
        found = float(typed)
    elif typed and (match := _WRITTEN.fullmatch(typed)):
        parts = zip(match.groups(), _UNITS.values(), strict=True)
        found = sum(float(number) * unit for number, unit in parts if number)
    else:
        raise ValueError(
            f"Expected a time such as 90s, 20m, 2h or 1h30m, or seconds. Received: {text!r}"
        )
    if not found > 0:
        raise ValueError(f"Expected a time above 0. Received: {text!r}")
    return found


def text(seconds: float) -> str:
    """Returns a time as `seconds` reads it: "1h30m"; below a minute with up to 3 digits."""
    if seconds < 60:
        return f"{seconds:.3g}s"
    left, words = round(seconds), ""
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        words += f"{count}{unit}" if count else ""
    return words
