"""What the user typed as a dataset: an entry of the room, a path an entry takes, or a module."""

import dataclasses
import hashlib
import json
from pathlib import Path
from types import ModuleType

from kerascnn import registry
from kerascnn.datasets._arrays import Images

_ROOM = "kerascnn.datasets"
# Part of every key in the cache: raise it when the same source would be read differently.
_FORMAT = 2
_PATHS = "the path of an .npz file or of a folder of class folders"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where data come from.

    Attributes:
        entry: An entry of the room, or the user's own module as typed.
        source: What the entry's `read` is given: an absolute path, or what was typed.
    """

    entry: str
    source: str

    def key(self, *, image_size: int, skip_bad: bool) -> str:
        """Returns a file name that changes whenever `read` might return something else."""
        module = _module(self.entry)
        own = registry.is_own(_ROOM, self.entry)
        told = [
            _FORMAT,
            str(registry.source_file(_ROOM, self.entry)) if own else self.entry,
            registry.code_hash(_ROOM, self.entry),
            self.source,
            str(module.identity(self.source)) if hasattr(module, "identity") else "",
            image_size,
            skip_bad,
        ]
        digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
        stem = "".join(letter for letter in Path(self.source).stem if letter.isalnum())
        return f"{stem[:40]}-{digest}"

    def read(self, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
        """Returns what the entry reads.

        Raises:
            ValueError: If a module of the user's returns something else.
        """
        module = _module(self.entry)
        images = module.read(self.source, image_size=image_size, skip_bad=skip_bad, scratch=scratch)
        if not isinstance(images, Images):
            raise ValueError(
                f"`read` of {self.entry} must return Images. Received: {type(images).__name__}"
            )
        return images


def resolve(dataset: str) -> Source:
    """Returns the source that `dataset` names; a name wins over a folder of the same name.

    Raises:
        ValueError: If it names nothing, or an entry that needs a path.
        FileNotFoundError: If it is the path of a file that is not there.
    """
    # Entry -> the path it takes: a suffix, "folder", or "" if it takes none.
    takes = {name: registry.constant(_ROOM, name, "TAKES", "") for name in registry.names(_ROOM)}
    if takes.get(dataset):
        raise ValueError(f"{dataset!r} needs a path: {_PATHS}.")
    if dataset in takes:
        return Source(entry=dataset, source=dataset)
    path = Path(dataset)
    kind = "folder" if dataset and path.is_dir() else path.suffix.lower()
    for name, taken in takes.items():
        if taken and taken == kind:
            if not path.exists():
                raise FileNotFoundError(f"There is no file {dataset!r}.")
            return Source(entry=name, source=str(path.resolve()))
    if _is_module(dataset):
        return Source(entry=dataset, source=dataset)
    named = [name for name, taken in takes.items() if not taken]
    raise ValueError(f"{registry.unknown('datasets', dataset, named)} Or type {_PATHS}.")


def _is_module(dataset: str) -> bool:
    if not dataset.endswith(".py"):
        words = dataset.split(".")
        # Else "../typo" would be looked up as a relative import.
        if len(words) < 2 or not all(word.isidentifier() for word in words):
            return False
    try:
        registry.source_file(_ROOM, dataset)
    except ValueError:
        return False
    return True


def _module(entry: str) -> ModuleType:
    module = registry.load(_ROOM, entry)
    if not hasattr(module, "read"):
        raise ValueError(f"A dataset module must define `read`. Found none in {entry}.")
    return module
