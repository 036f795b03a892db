# Reads a pinned BPF ring buffer as user space does, by mmap (kernel/bpf/ringbuf.c), and prints each record in hex.
# An independent reader: nothing of tsnat is in it.  read-ring.py PIN
import ctypes
import mmap
import platform
import struct
import sys

BPF_OBJ_GET = 7
NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
HEADER = 8
BUSY, DISCARD = 1 << 31, 1 << 30

libc = ctypes.CDLL(None, use_errno=True)
path = ctypes.create_string_buffer(sys.argv[1].encode())
attr = ctypes.create_string_buffer(struct.pack("QII", ctypes.addressof(path), 0, 0), 16)
fd = libc.syscall(NR_BPF, BPF_OBJ_GET, attr, len(attr))
if fd < 0:
    sys.exit(f"{sys.argv[1]}: errno {ctypes.get_errno()}")
page = mmap.PAGESIZE
size = int(sys.argv[2])
consumer = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
producer = mmap.mmap(fd, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
(at,) = struct.unpack("Q", consumer[:8])
(end,) = struct.unpack("Q", producer[:8])
while at < end:
    start = page + at % size
    (length,) = struct.unpack("I", producer[start : start + 4])
    if length & BUSY:
        break
    length, discarded = length & ~(BUSY | DISCARD), length & DISCARD
    if not discarded:
        print(producer[start + HEADER : start + HEADER + length].hex())
    at += (HEADER + length + 7) // 8 * 8
