# Starts the program of the command line after the seconds it may take, waits, prints its cost.
import json
import os
import signal
import sys
import time

most, argv = float(sys.argv[1]), sys.argv[2:]
said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
nothing = os.open(os.devnull, os.O_RDONLY)
streams = [(os.POSIX_SPAWN_DUP2, nothing, 0)]
streams += [(os.POSIX_SPAWN_DUP2, said, stream) for stream in (1, 2)]
stopped = []
start = time.monotonic()
pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=streams)


def stop(*_):
    stopped.append(True)
    os.kill(pid, signal.SIGKILL)


signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, most)
_, status, usage = os.wait4(pid, 0)
print(json.dumps({
    "cpu": usage.ru_utime + usage.ru_stime,
    "wall": time.monotonic() - start,
    "memory": usage.ru_maxrss * 1024,
    "code": os.waitstatus_to_exitcode(status),
    "stopped": bool(stopped),
}))
