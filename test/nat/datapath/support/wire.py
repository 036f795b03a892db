"""Sends frames into a tap device and tells what comes out, one JSON object a line.

usage: wire.py TAP EXIT
TAP is made by this process; EXIT is a device whose arriving frames are the packets that were let go on.
In:  {"frame": hex, "split": [lengths of the pieces], "vnet": hex of struct virtio_net_hdr}
Out: [{"at": "next" | "answer", "frame": hex, "vnet": hex}]
The first piece is the linear part of the skb, each other one a page fragment (IFF_NAPI_FRAGS). A marker is sent
behind each frame; what has come out when the marker has is all there will be.
"""
import fcntl
import json
import os
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
IFF_NAPI, IFF_NAPI_FRAGS = 0x0010, 0x0020
SOL_PACKET, PACKET_VNET_HDR = 263, 15
ETH_P_ALL = 3
VNET_HDR = 10
PAGE = 4096
# ARP is never dropped; no device asks with operation 99.
MARKER = bytes.fromhex('ffffffffffff02000000000f0806' '0001080006040063') + bytes(20)


def tap(name):
    fd = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_NAPI | IFF_NAPI_FRAGS
    fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', name.encode(), flags))
    return fd


def witness(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.bind((device, ETH_P_ALL))
    sock.setblocking(False)
    return sock


def pieces(frame, lengths):
    """Cut up as asked for, and no fragment larger than a page: the kernel takes none such."""
    at = 0
    for length in lengths:
        if at < len(frame):
            yield frame[at:at + length]
        at += length
    while at < len(frame):
        yield frame[at:at + (PAGE if lengths else len(frame))]
        at += PAGE if lengths else len(frame)


def collect(fd, sock):
    seen = []
    while True:
        ready, _, _ = select.select([fd, sock], [], [], 3)
        if not ready:
            raise SystemExit('the marker got lost')
        # Answers first: they were given before the marker was sent.
        for source, at in ((fd, 'answer'), (sock, 'next')):
            if source not in ready:
                continue
            data = os.read(fd, 1 << 17) if source is fd else sock.recv(1 << 17)
            if data[VNET_HDR:] == MARKER:
                return seen
            seen.append({'at': at, 'vnet': data[:VNET_HDR].hex(), 'frame': data[VNET_HDR:].hex()})


def main():
    fd, sock = tap(sys.argv[1]), None
    print('ready', flush=True)
    for line in sys.stdin:
        # The devices are set up between the first word and the first frame.
        sock = sock or witness(sys.argv[2])
        order = json.loads(line)
        frame = bytes.fromhex(order['frame'])
        vnet = bytes.fromhex(order.get('vnet', '00' * VNET_HDR))
        try:
            # The kernel takes the bytes of the virtio header off the first piece.
            parts = list(pieces(frame, order.get('split', [])))
            os.writev(fd, [vnet + parts[0], *parts[1:]])
            os.writev(fd, [bytes(VNET_HDR) + MARKER])
            print(json.dumps(collect(fd, sock)), flush=True)
        except OSError as error:
            print(json.dumps({'error': str(error)}), flush=True)


main()
