# Numbered datagrams at a steady rate, and the account of those that arrive.
#   send ADDRESS PORT RATE           sends until its input ends; the first 4 bytes are the number
#   receive PORT                     counts until its input ends; prints `ready`, then the account as JSON
# The receive buffer is forced beyond net.core.rmem_max, so that a busy machine is not taken for a lost packet.
import json
import select
import socket
import struct
import sys
import time

SO_RCVBUFFORCE = 33  # include/uapi/asm-generic/socket.h
BUFFER = 1 << 26
PAYLOAD = 64


def send(address, port, rate):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((address, port))
    begun = time.monotonic()
    number = refused = 0
    while True:
        ahead = begun + number / rate - time.monotonic()
        if select.select([sys.stdin], [], [], max(ahead, 0))[0]:
            break
        try:
            sender.send(struct.pack("!I", number) + bytes(PAYLOAD))
        except OSError:
            refused += 1
        number += 1
    print(json.dumps({"sent": number - refused, "refused": refused}))


def receive(port):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    receiver.bind(("", port))
    print("ready", flush=True)
    seen, sources, total = set(), set(), 0
    while True:
        readable, _, _ = select.select([receiver, sys.stdin], [], [])
        if receiver in readable:
            data, (source, _) = receiver.recvfrom(2048)
            seen.add(struct.unpack("!I", data[:4])[0])
            sources.add(source)
            total += 1
        elif not sys.stdin.read(1):
            break
    missing = sorted(set(range(max(seen, default=-1) + 1)) - seen)
    print(json.dumps({"received": total, "missing": missing[:20], "lost": len(missing), "from": sorted(sources)}))


if sys.argv[1] == "send":
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    receive(int(sys.argv[2]))
