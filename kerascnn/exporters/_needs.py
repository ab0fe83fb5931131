"""What a format needs to be installed."""

import importlib.util
from pathlib import Path

from kerascnn import registry

_ROOM = "kerascnn.exporters"


def check_written(format: str) -> None:
    """Raises ValueError if not all is installed that a format is written and re-opened with."""
    needed = registry.constant(_ROOM, format, "NEEDS", ())
    lacking = [name for name in needed if not _is_there(name)]
    if not lacking:
        return
    own = registry.is_own(_ROOM, format)
    what = " ".join(map(_package, lacking)) if own else f"-e '.[{format}]'"
    raise ValueError(
        f"The format {format} needs {' and '.join(map(_package, lacking))}, which "
        f"{'is' if len(lacking) == 1 else 'are'} not installed. Try: python -m pip install {what}"
    )


def check_opened(path: Path, what: str, module: str) -> None:
    """Raises ValueError if what opens an export is not installed.

    Args:
        path: The export.
        what: What it is, with its article.
        module: What is imported to open it.
    """
    if not _is_there(module):
        package = _package(module)
        raise ValueError(
            f"{path} is {what}, and {package}, which opens it, is not installed. "
            f"Try: python -m pip install {package}"
        )


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _package(module: str) -> str:
    """Returns the name under which a module is installed."""
    return module.replace("_", "-")
