"""What of its machine a process may use, and since when it runs."""

import os
import time
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of CPU in each period


def cores() -> int:
    """Number of CPU cores this process is lent, by its affinity and by a container's quota."""
    lent = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(lent, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no such container, or one that says "max"
        return lent


def age() -> float | None:
    """Seconds since this process was started, before Python was; None where Linux is not."""
    try:
        # Behind the name in brackets, which may have spaces: fields 3 and on; 22 is the start.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, AttributeError, ValueError, IndexError):
        return None
