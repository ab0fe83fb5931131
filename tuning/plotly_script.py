"""plotly's own JavaScript, from the installed package; plotly itself, which is slow, stays out."""

import importlib.util
from pathlib import Path


def read() -> str:
    """Returns the script.

    Raises:
        ValueError: If plotly is not installed, or without its script.
    """
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise ValueError("plotly is not installed. Try: python -m pip install plotly")
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    if not path.is_file():
        raise ValueError(f"plotly is installed without {path}. Try: python -m pip install plotly")
    return path.read_text(encoding="utf-8")
