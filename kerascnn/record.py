"""What happened: frozen run records in an append-only log of JSON lines, the source of truth."""

import base64
import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from kerascnn.spec import RunSpec, Value

STATUSES = ("finished", "failed", "infeasible")
KINDS = ("ask", "run", "event", "lost")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The outcome of one `RunSpec`.

    Attributes:
        spec: What was run.
        status: "finished"; "failed"; or "infeasible": the network cannot be built at this size,
            or costs more than it may.
        epoch: Epochs trained.
        restored: The epoch whose weights were scored and kept, where `RunSpec.patience` went
            back to one before the last; else 0.
        metrics: Final value by metric name, such as "val_accuracy"; empty unless finished.
        history: One value per epoch by name ("accuracy/train"); None where it was not finite.
        seconds: Wall time of the run; building and compiling count in the first of a batch.
        parameters: Weights and statistics, trainable and not, as `Model.count_params()` counts.
        multiply_accumulates: Of the forward pass of one image; see `costs.py`.
        error: The traceback of a failed run, the reason of an infeasible one, else "".
        trial: Which ask of the oracle this run belongs to; None outside a study.
        point: What the oracle asked for; empty outside a search.
        host: Where and with what it ran: trainer, backend, threads, machine, versions, end; and
            what depends on that, as `seconds` does: `peak_memory`, `images_per_second`, and
            `latency`; see `latency.of`.
    """

    spec: RunSpec
    status: str = "finished"
    epoch: int = 0
    restored: int = 0
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    history: Mapping[str, Sequence[float | None]] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    parameters: int = 0
    multiply_accumulates: int = 0
    error: str = ""
    trial: int | None = None
    point: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    host: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"`status` must be one of {STATUSES}. Received: {self.status!r}")
        history = {name: _finite(values) for name, values in self.history.items()}
        object.__setattr__(self, "history", history)

    @property
    def scored_epoch(self) -> int:
        """The epoch whose weights were scored and kept."""
        return self.restored or self.epoch

    @property
    def peak_memory(self) -> int | None:
        """Bytes of the worker process in memory at most while the run was under way.

        The framework is among them, some 0.7 GB, and what runs before left there; what an
        accelerator has of its own is not. Of runs trained together it is that of all. None:
        the system does not tell.
        """
        found: int | None = self.host.get("peak_memory")
        return found

    @property
    def images_per_second(self) -> float | None:
        """Training images a second, epoch by epoch, validation included.

        The first epoch, in which programs are compiled, does not count; None: there was no
        other.
        """
        found: float | None = self.host.get("images_per_second")
        return found

    @property
    def reason(self) -> str:
        """The last line of the error; "" if there is none."""
        return next(iter(reversed(self.error.strip().splitlines())), "")

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values; those that hold others are the record's own."""
        return {**vars(self), "spec": self.spec.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "RunRecord":
        return cls(**{**fields, "spec": RunSpec.from_json(fields["spec"])})


def _finite(values: Sequence[float | None]) -> list[float | None]:
    """Returns values as floats, and None for those that are not finite."""
    with contextlib.suppress(TypeError):  # There is a None among them.
        if math.isfinite(sum(values)):  # type: ignore[arg-type]  # Of long logs by far the fastest.
            return list(map(float, values))  # type: ignore[arg-type]
    return [float(v) if v is not None and math.isfinite(v) else None for v in values]


class RunLog:
    """Lines in a file, one JSON object each, with a `kind`. Lines are added, never changed.

    `ask`: trial, point, epochs, parent; written before anything of it is submitted.
    `run`: the fields of a `RunRecord`. `event`: a name and what it needs. `lost`: stands where a
    damaged line was given up, with its `line` number, its `text` (or `base64`) and `why`. One
    process writes, as a context manager; any may read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: io.FileIO | None = None

    def __enter__(self) -> "RunLog":
        """Locks the log for writing and drops a line that a crash left unfinished.

        Raises:
            ValueError: If another process is writing it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: after a full disk nothing may linger that a later close would write.
        file = open(self.path, "ab+", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise ValueError(f"Another process is writing the study {self.path.parent}.") from None
        if not os.path.samestat(os.fstat(file.fileno()), os.stat(self.path)):
            file.close()  # It was repaired meanwhile: this is the file as it was.
            return self.__enter__()
        _drop_torn_line(file)
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def append(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Writes one line and forces it to disk, so that a crash loses at most this line.

        Raises:
            OSError: If the disk is full. The log is then as it was before.
        """
        if self._file is None:
            raise RuntimeError("A RunLog is written inside `with log:` only.")
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {KINDS}. Received: {kind!r}")
        text = json.dumps({"kind": kind, **fields}, separators=(",", ":"), allow_nan=False)
        line = text.encode() + b"\n"
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(self._file.fileno())
        except OSError:
            os.ftruncate(self._file.fileno(), end)
            raise

    def append_record(self, record: RunRecord) -> None:
        self.append("run", record.to_json())

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yields the lines, oldest first; one still being written is left for later.

        Raises:
            ValueError: If a finished line is damaged. The message names the file and the line.
        """
        for number, line in self.numbered():
            if line is None:
                raise ValueError(
                    f"Line {number} of {self.path} is damaged. "
                    "The command that goes on with the study, with --repair, gives it up on record."
                )
            yield line

    def numbered(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yields (number from 1, line), oldest first; None: that line is damaged."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                yield number, parse(line)

    def __iter__(self) -> Iterator[RunRecord]:
        """Yields the records, oldest first."""
        for line in self.lines():
            if line["kind"] == "run":
                yield RunRecord.from_json({k: v for k, v in line.items() if k != "kind"})

    def give_up(self, reasons: Mapping[int, str]) -> Path:
        """Puts a `lost` line in the place of each of these; the others stay as they are.

        Args:
            reasons: Number of a line -> why it is given up.

        Returns:
            Where the log is kept as it was.

        Raises:
            OSError: If the disk is full. The log is then as it was before.
        """
        if self._file is None:
            raise RuntimeError("A RunLog is repaired inside `with log:` only.")
        content = self.path.read_bytes()
        kept = self.path.with_name(f"log-{hashlib.sha256(content).hexdigest()[:8]}.jsonl")
        write_file(kept, content)
        lines = [
            _lost(number, line, reasons[number]) if number in reasons else line
            for number, line in enumerate(io.BytesIO(content), start=1)
        ]
        write_file(self.path, b"".join(lines))
        with self._file:  # The lock is on the file as it was, which nobody finds any more.
            self._file = None
            self.__enter__()
        return kept


def parse(line: bytes) -> dict[str, Any] | None:
    """Returns a line of a log; None if it is damaged."""
    try:
        fields = json.loads(line)
        return dict(fields) if fields["kind"] in KINDS else None
    except (ValueError, KeyError, TypeError):
        return None


def _lost(number: int, line: bytes, reason: str) -> bytes:
    try:
        content = {"text": line.decode().rstrip("\n")}
    except UnicodeDecodeError:
        content = {"base64": base64.b64encode(line).decode()}
    fields = {"kind": "lost", "line": number, "why": reason, **content}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def write_file(path: Path, content: bytes) -> None:
    """Writes a whole file or nothing; see `written_whole`."""
    with written_whole(path) as file:
        file.write(content)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Yields a file beside `path` that is fsynced and renamed over it: all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        if error.filename == str(beside):  # What was asked for, not what is written first.
            error.filename = str(path)
        raise
    finally:
        beside.unlink(missing_ok=True)


def _drop_torn_line(file: io.FileIO) -> None:
    """Cuts the unterminated last line that a crash in the middle of a write leaves behind."""
    end = file.seek(0, os.SEEK_END)
    keep = end
    while keep > 0:
        start = max(0, keep - 65536)
        file.seek(start)
        newline = file.read(keep - start).rfind(b"\n")
        if newline >= 0:
            keep = start + newline + 1
            break
        keep = start
    if keep < end:
        file.truncate(keep)
