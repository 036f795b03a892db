# Tells whoever asks, over TCP, UDP or UDP-Lite, as which address and port it is seen.
#   seen serve [[PROTOCOL, ADDRESS, PORT], ...]    answers until its input ends; prints `ready` first
#   seen ask [{"protocol": P, "from": [ADDRESS, PORT], "to": [ADDRESS, PORT], "coverage"?: BYTES}, ...]
#       asks all of them in turn from these addresses and prints, for each, ["ADDRESS", PORT] or what went wrong.
#   seen receive ADDRESS PORT COUNT
#       prints ["ADDRESS", PORT, SIZE] of each of so many UDP datagrams, and earlier if no more come; `ready` first
import errno
import json
import os
import socket
import sys
import threading

# See emulation.ts.
EMULATED = os.environ.get("TSNAT_EMULATED") == "yes"
PATIENCE = 5.0 if EMULATED else 2.0
RECEIVING = 200.0 if EMULATED else 20.0
UDPLITE = 136
KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "udplite": (socket.SOCK_DGRAM, UDPLITE),
}
UDPLITE_SEND_CSCOV = 10


def open_socket(protocol, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, *KINDS[protocol])
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened


def say(peer):
    # At `::` an IPv4 peer shows by its mapped address.
    return json.dumps([peer[0].replace("::ffff:", ""), peer[1]]).encode()


def answer_one(connection, peer):
    with connection:
        connection.recv(64)
        connection.sendall(say(peer))


def serve_tcp(server):
    while True:
        connection, peer = server.accept()
        threading.Thread(target=answer_one, args=(connection, peer), daemon=True).start()


def serve_udp(server):
    while True:
        try:
            _, peer = server.recvfrom(64)
            server.sendto(say(peer), peer)
        except OSError:
            pass


def serve(endpoints):
    for protocol, address, port in endpoints:
        server = open_socket(protocol, address)
        server.bind((address, port))
        if protocol == "tcp":
            server.listen(64)
        run = serve_tcp if protocol == "tcp" else serve_udp
        threading.Thread(target=run, args=(server,), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def ask(question):
    client = open_socket(question["protocol"], question["to"][0])
    with client:
        client.settimeout(PATIENCE)
        try:
            if "coverage" in question:
                client.setsockopt(UDPLITE, UDPLITE_SEND_CSCOV, question["coverage"])
            client.bind(tuple(question["from"]))
            client.connect(tuple(question["to"]))
            client.send(b"as whom do you see me?")
            return json.loads(client.recv(256))
        except socket.timeout:
            return "silence"
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error))


def receive(address, port, count):
    server = open_socket("udp", address)
    server.bind((address, port))
    server.settimeout(RECEIVING)
    print("ready", flush=True)
    seen = []
    while len(seen) < count:
        try:
            data, peer = server.recvfrom(65536)
        except socket.timeout:
            break
        seen.append([peer[0].replace("::ffff:", ""), peer[1], len(data)])
    print(json.dumps(seen))


if sys.argv[1] == "receive":
    receive(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
elif sys.argv[1] == "serve":
    serve(json.loads(sys.argv[2]))
else:
    print(json.dumps([ask(question) for question in json.loads(sys.argv[2])]))
