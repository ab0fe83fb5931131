"""Formats of a report: one file each, its name what `report --format` says.

Contract of every public module here, whose first docstring line says what it holds:

    ENDINGS: a literal; file names that end so are of this format
    PRINTED: a literal; whether it is printed where no file is named
    def write(report) -> str

`report` is a `tuning.report.Report`. What is returned is a whole file, with `report.mark` in its
first lines, by which an older report of the same study is known. Every text in it may be a
stranger's: it is escaped as the format asks. Nothing is read but this package's own files.
"""

from kerascnn import registry


def names() -> tuple[str, ...]:
    """Returns the formats."""
    return registry.names(__name__)


def of_file(name: str) -> str | None:
    """Returns the format of files that are called so; None: of none."""
    return next((each for end, each in endings().items() if name.lower().endswith(end)), None)


def endings() -> dict[str, str]:
    """Returns ending -> the format of files that end so."""
    return {
        ending: name for name in names() for ending in registry.constant(__name__, name, "ENDINGS")
    }


def is_printed(format: str) -> bool:
    """Returns whether a format is printed where no file is named."""
    return bool(registry.constant(__name__, format, "PRINTED"))
