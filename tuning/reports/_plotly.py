"""plotly's own JavaScript, from the installed package; plotly itself, which is slow, stays out."""

import functools
import importlib.util
from pathlib import Path


def script() -> str:
    """Returns the script, as it can stand within a page.

    Raises:
        ValueError: If plotly is not installed, or without its script.
    """
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise ValueError("plotly is not installed. Try: python -m pip install plotly")
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    if not path.is_file():
        raise ValueError(f"plotly is installed without {path}. Try: python -m pip install plotly")
    return _read(path)


@functools.cache
def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    # In a string of JavaScript `\/` is `/`: within a page it must not end the script.
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")
