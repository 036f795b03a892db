# Says how packets come through: answers every datagram with the address it came from, and asks others to.
#   probe PORT ADDRESS...     serves at these addresses of its own; prints `ready`
# A line on its input, {"pairs": [[FROM, TO], ...], "milliseconds": N}, is answered by a line: for each pair the
# address that TO has seen, null where no answer came from TO in time. All are asked at once.
import json
import select
import socket
import sys
import time

port = int(sys.argv[1])
servers = []
for address in sys.argv[2:]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    servers.append(server)
print("ready", flush=True)
number = 0


def serve(ready):
    for server in ready:
        try:
            data, peer = server.recvfrom(256)
            server.sendto(data + b" " + peer[0].encode(), peer)
        except OSError:
            pass


def ask(pairs, seconds):
    global number
    number += 1
    nonce = str(number).encode()
    open_, answers = {}, [None] * len(pairs)
    for i, (source, target) in enumerate(pairs):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind((source, 0))
        try:
            client.connect((target, port))
            client.send(nonce)
            open_[client] = i
        except OSError:
            client.close()
    until = time.monotonic() + seconds
    while open_ and time.monotonic() < until:
        ready, _, _ = select.select([*open_, *servers], [], [], max(0, until - time.monotonic()))
        serve([each for each in ready if each in servers])
        for client in ready:
            if client in servers:
                continue
            try:
                word, seen = client.recv(256).split()
                if word == nonce:
                    answers[open_[client]] = seen.decode()
            except OSError:
                pass
            del open_[client]
            client.close()
    for client in open_:
        client.close()
    return answers


while True:
    ready, _, _ = select.select([*servers, sys.stdin], [], [])
    if sys.stdin in ready:
        line = sys.stdin.readline()
        if line == "":
            break
        request = json.loads(line)
        print(json.dumps(ask(request["pairs"], request["milliseconds"] / 1000)), flush=True)
    serve([each for each in ready if each is not sys.stdin])
