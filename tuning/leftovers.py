"""Files of a study that nobody needs any more: of writers that were killed, of runs that ended."""

import contextlib
import os
import re
import shutil
from pathlib import Path

from kerascnn import attempt
from tuning.study import Study

# A file on its way, `.record.json.4711`, with the process that writes it.
_BESIDE = re.compile(r"\..+\.(\d+)")
# Keras insists on the ending of the one; the other is a run's sign of life.
_WORKERS = (".model.keras", attempt.ALIVE)


def sweep(study: Study) -> None:
    """Removes what killed processes left; the log is locked: no worker is at work."""
    shutil.rmtree(study.apart, ignore_errors=True)
    for folder, _, names in os.walk(study.folder):
        for name in names:
            found = _BESIDE.fullmatch(name)
            if name in _WORKERS or (found and not _is_alive(int(found[1]))):
                (Path(folder) / name).unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Returns whether there is such a process here: another command may begin meanwhile."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # Another's; or no number of a process at all.
        return True
    with contextlib.suppress(OSError):  # No Linux, or gone by now.
        # One that ended and is still to be waited for, by whoever took over the orphans.
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return True
