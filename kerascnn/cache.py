"""The user's cache folder: decoded images, and what backends compiled."""

import os
from pathlib import Path


def root() -> Path:
    """Returns $KERASCNN_CACHE, else $XDG_CACHE_HOME/kerascnn, else ~/.cache/kerascnn.

    It may not exist yet. All of it can be deleted at any time: what is needed is made again.
    """
    named = os.environ.get("KERASCNN_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerascnn"
