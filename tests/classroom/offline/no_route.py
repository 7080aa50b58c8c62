"""Run a command where there is no network: in a namespace of its own, with loopback alone.

    unshare --map-root-user --net python no_route.py COMMAND ...

Loopback is switched on, as Jupyter's kernels use it. Ends with code 99 where an address outside
can be reached all the same.
"""

import fcntl
import socket
import struct
import subprocess
import sys

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
OUTSIDE = ("192.0.2.1", 9)  # for documentation (RFC 5737); a datagram socket sends nothing

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14s", b"lo", IFF_UP, b""))
    try:
        probe.connect(OUTSIDE)
    except OSError:
        pass
    else:
        sys.exit(99)
sys.exit(subprocess.call(sys.argv[1:]))
