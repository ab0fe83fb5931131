"""The slots of the executor `ray`: each one thread here, and one actor on some node.

A slot first has its actor, then takes a call: when a node is lost and the others are full, its
calls go to slots that have theirs, and wait for no room that the search itself takes up.
"""

import contextlib
import pickle
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError

from tuning.executors import WorkerDiedError

# Times that a call is taken up elsewhere because its node was lost. Machines may be taken back by
# whom they belong to, again and again; but a call may be what its machines die of.
_MOVES = 3
# Seconds between two looks whether an actor is wanted that has no room yet.
_LOOK = 1.0
# Seconds without any node: others may be on their way to take the place of those that were lost.
_ALONE = 30.0
# Actors that may be lost one after the other before they have said a word.
_STARTS = 5


class Call:
    """A call, and how often its node was lost."""

    def __init__(self, future: Future[Any], work: bytes) -> None:
        self.future, self.work, self.moves = future, work, 0

    def begin(self) -> bool:
        """Returns whether it is still wanted; one that was moved has begun before."""
        return self.moves > 0 or self.future.set_running_or_notify_cancel()


class Calls:
    """Calls that wait for a slot."""

    def __init__(self) -> None:
        self._waiting: deque[Call] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, call: Call, *, first: bool = False) -> None:
        with self._changed:
            (self._waiting.appendleft if first else self._waiting.append)(call)
            self._changed.notify()

    def take(self) -> Call | None:
        """Returns the next, once there is one; None: there is none, and none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None

    def close(self, *, cancel: bool) -> None:
        with self._changed:
            self._closed = True
            while cancel and self._waiting:
                call = self._waiting.popleft()
                if not call.future.cancel():  # It was under way, and its node was lost.
                    call.future.set_exception(_ended())
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        """Whether nothing waits, and nothing will be submitted."""
        return self._closed and not self._waiting


class Slot:
    """Hands calls to one actor, and starts another where it was lost.

    Args:
        calls: What waits for a slot.
        begin: Gives a new actor, and a place to wait for its first word.
        has_nodes: Returns whether there is a node on which it could start, if not now.
    """

    def __init__(
        self,
        calls: Calls,
        begin: Callable[[], contextlib.AbstractContextManager[Any]],
        has_nodes: Callable[[], bool],
    ) -> None:
        self._calls = calls
        self._begin = begin
        self._has_nodes = has_nodes
        self._lock = threading.RLock()
        self._actor: Any = None
        self._future: Future[Any] | None = None  # Of the call under way.
        self._ended: Future[Any] | None = None  # The call whose worker we ended.
        self._stopped = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            while self._is_ready() and (call := self._calls.take()) is not None:
                if call.begin():
                    self._do(call)
        except Exception as error:  # The cluster is of no use: what waits must not do so for ever.
            while (call := self._calls.take()) is not None:
                if call.begin():
                    call.future.set_exception(error)
        finally:
            self._drop()

    def _do(self, call: Call) -> None:
        with self._lock:
            self._future = call.future
        try:
            succeeded, result = self._answer(call.work)
        except OutOfMemoryError as error:
            self._drop()
            call.future.set_exception(MemoryError(_first_line(error)))
        except RayError as error:
            self._drop()
            self._move(call, error)
        except Exception as error:  # What came cannot be read: it is no fault of the worker.
            call.future.set_exception(error)
        else:
            if succeeded:
                call.future.set_result(result)
            else:
                call.future.set_exception(result)
        finally:
            with self._lock:
                self._future = None

    def _answer(self, work: bytes) -> tuple[bool, Any]:
        """Returns whether a call returned, and what; prints what it prints meanwhile."""
        last = b""
        for piece in self._actor.call.remote(work):
            found = ray.get(piece)
            if isinstance(found, str):
                sys.stderr.write(found)
                sys.stderr.flush()
            else:
                last = found
        answer: tuple[bool, Any] = pickle.loads(last)
        return answer

    def _move(self, call: Call, error: RayError) -> None:
        """Has a call taken up elsewhere, unless its worker was ended, or that was done before."""
        if self._ended is call.future or self._stopped:
            call.future.set_exception(_ended())
        elif call.moves < _MOVES:
            call.moves += 1
            self._calls.put(call, first=True)
        else:
            times = f"{call.moves + 1} times"
            told = f"The worker's node was lost, {times} in a row: {_first_line(error)}"
            call.future.set_exception(WorkerDiedError(told))

    def _is_ready(self) -> bool:
        """Returns whether there is an actor, waiting for its room; False: none is wanted."""
        last = ""
        for _ in range(_STARTS):
            if self._actor is not None:
                break
            try:
                self._start()
            except RayError as error:
                last = f"{type(error).__name__}: {_first_line(error)}"
                self._drop()
        if self._actor is None and not (self._stopped or self._calls.over):
            raise OSError(f"Ray lost {_STARTS} workers in a row before they began. {last}")
        return self._actor is not None and not self._stopped

    def _start(self) -> None:
        """Starts an actor and waits until it is there, or unwanted."""
        with self._begin() as actor:
            with self._lock:
                self._actor = actor
            if not self._wait_for(lacks := actor.lacks.remote()):
                self._drop()
            elif told := ray.get(lacks):
                raise OSError(f"Something is missing where a run was to be trained. {told}")

    def _wait_for(self, answer: Any) -> bool:
        """Waits for an answer of the actor; returns whether there is one before it is unwanted."""
        alone = time.monotonic()
        while not ray.wait([answer], timeout=_LOOK)[0]:
            if self._stopped or self._calls.over:
                return False
            if self._has_nodes():
                alone = time.monotonic()
            elif time.monotonic() - alone > _ALONE:
                raise OSError("No node of the Ray cluster that has room for a run is left.")
        return True

    def _drop(self) -> None:
        """Ends the actor, if there is one, and whatever it is at."""
        with self._lock:
            self._kill()
            self._actor = None

    def _kill(self) -> None:
        if self._actor is not None:
            with contextlib.suppress(Exception):  # It may be gone, and the cluster with it.
                ray.kill(self._actor)

    def end(self, future: Future[Any]) -> None:
        """Ends the worker at once if it is at this call."""
        with self._lock:
            if self._future is future and not future.done():
                self._ended = future
                self._kill()

    def stop(self) -> None:
        """Ends the worker at once, and the slot."""
        with self._lock:
            self._stopped = True
            self._kill()


def _ended() -> WorkerDiedError:
    return WorkerDiedError("The worker process died: it was ended.")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
