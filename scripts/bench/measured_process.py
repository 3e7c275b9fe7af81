"""
Runs a command and writes to file descriptor 3, as JSON, what it used from start to exit: seconds, CPU seconds, and the largest resident set
of the process, as the kernel counted them. Node does not report this for a child, and `time` differs between systems or lacks it.

Of processes that the command starts and waits for, the CPU time counts, and the largest resident set of any one.
"""

import json
import os
import signal
import sys
import time

RESULT_FD = 3

started = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, RESULT_FD)])
signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
signal.signal(signal.SIGINT, signal.SIG_IGN)  # A terminal sends it to the command as well, which handles it.
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - started

result = {
    "code": os.waitstatus_to_exitcode(status),  # Negative: ended by this signal.
    "wallSeconds": seconds,
    "cpuSeconds": usage.ru_utime + usage.ru_stime,
    "peakBytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),  # Linux counts in KiB.
}
os.write(RESULT_FD, json.dumps(result).encode())
