"""A log that grows while it is watched: a reading goes on where the last one ended."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from kerascnn import record
from kerascnn.record import RunLog, RunRecord


class GrowingLog(RunLog):
    """A log whose records are kept: of thousands, only those that are new are read."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._records: list[RunRecord] = []
        self._read = 0  # Bytes
        self._file_read: int | None = None  # Its number: a repaired log is another file.

    def __iter__(self) -> Iterator[RunRecord]:
        with self._lock:
            self._read_on()
            return iter(self._records.copy())

    def _read_on(self) -> None:
        if not self.path.exists():
            return self._forget()
        with open(self.path, "rb") as file:
            about = os.fstat(file.fileno())
            if about.st_ino != self._file_read or about.st_size < self._read:
                self._forget()
                self._file_read = about.st_ino
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._take(line)
                self._read += len(line)
        return None

    def _take(self, line: bytes) -> None:
        fields = record.parse(line)
        if fields is None:
            list(self.lines())  # It says which line is damaged.
            raise ValueError(f"A line of {self.path} is damaged.")
        if fields.pop("kind") == "run":
            self._records.append(RunRecord.from_json(fields))
