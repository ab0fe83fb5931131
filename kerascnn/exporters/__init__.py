"""Export formats: one file each.

Contract of every public module here:

    CARD = "<path>"         a literal: where in an export its card lies
    BACKEND = "<name>"      optional, a literal: the Keras backend that `export` needs
    NEEDS = ("<module>",)   optional, a literal: what `export` and `load` import besides; an entry
                            of this room has an extra of its name that installs it
    USE = "<Python>"        optional, a literal: lines that run an export from its own folder, for
                            its model card; $height, $width and $channels are filled in

    def export(model, path, card) -> None

`model` is a `keras.Model` from images in [0, 1] to probabilities; `path`, a `pathlib.Path`, does
not exist yet, its folder does: `export` makes a folder of it. `card` is the JSON-able description
that travels with the export and is written to `CARD`: format, class names, image height, width
and channels, fingerprint, configuration, run, accuracy. Once the export is checked, `latency` is
added to it.

    def load(path) -> predict

re-opens what `export` wrote, without this package's code in the file. `predict(images)` takes a
batch, uint8 or float32 in [0, 1], (n, height, width, channels), and returns float32
(n, num_classes). An export that cannot be opened raises ValueError in one line.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerascnn.exporters._export import Export


def read(path: str | Path) -> "Export":
    """Opens an export of any format in this room; the network itself waits until it is used.

    Raises:
        ValueError, OSError: If there is none at `path`, or its card is damaged.
    """
    from kerascnn.exporters import _export

    return _export.read(Path(path))
