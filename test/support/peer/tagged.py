# Datagrams that say whose they are. Each prints `ready`, and goes on until its input ends.
#   tagged serve ADDRESS      sends each back; prints which tags came from which address: {ADDRESS: [TAG, ...]}
#   tagged ask ADDRESS TAG    sends as fast as answers come; prints {"received": N, "strange": [what was not its own]}
import json
import select
import socket
import sys

PORT = 7100
role, address = sys.argv[1:3]
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

if role == "serve":
    own.bind((address, PORT))
    print("ready", flush=True)
    seen = {}
    while True:
        ready, _, _ = select.select([own, sys.stdin], [], [])
        if own in ready:
            data, peer = own.recvfrom(256)
            seen.setdefault(peer[0], set()).add(data.decode().split()[0])
            own.sendto(data, peer)
        if sys.stdin in ready:
            break
    print(json.dumps({peer: sorted(tags) for peer, tags in seen.items()}))
else:
    tag = sys.argv[3]
    print("ready", flush=True)
    received, strange, number = 0, [], 0
    while True:
        number += 1
        own.sendto(f"{tag} {number}".encode(), (address, PORT))
        ready, _, _ = select.select([own, sys.stdin], [], [], 0.005)
        if own in ready:
            data, _ = own.recvfrom(256)
            received += 1
            if data.decode().split()[0] != tag:
                strange.append(data.decode())
        if sys.stdin in ready:
            break
    print(json.dumps({"received": received, "strange": strange}))
