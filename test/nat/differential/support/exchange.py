"""Sends frames into a router from either side and tells what comes out on the other.

usage: exchange.py INSIDE OUTSIDE
In:  a line for each frame: "outbound HEX" (sent on INSIDE, awaited on OUTSIDE) or "inbound HEX" (the other way)
Out: a line for each: the frames that came out, in hexadecimal, with spaces between
A marker that every router lets through is sent behind each frame: what has come out before it is all there will be.
What the router says by itself does not count.
"""
import select
import socket
import sys

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
# As router.ts gives them.
ROUTER = [socket.inet_pton(socket.AF_INET, one) for one in ('192.0.2.1', '192.0.2.5')]
ROUTER6 = [socket.inet_pton(socket.AF_INET6, one) for one in ('2001:db8:aaaa::1', '2001:db8:bbbb::1')]


def marker(direction):
    """IPv4 of a protocol that nothing else has, to an address behind the router on that side, in no mapping."""
    target = bytes([198, 18, 0, 253]) if direction == 'outbound' else bytes([10, 127, 255, 254])
    header = bytearray(bytes.fromhex('450000140000000040fe0000c61200fe') + target)
    total = sum(int.from_bytes(header[i:i + 2], 'big') for i in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    header[10:12] = (0xFFFF - total).to_bytes(2, 'big')
    return bytes(header)


def opened(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.bind((device, ETH_P_ALL))
    mac = sock.getsockname()[4]
    return sock, mac


def drain(sock):
    """What a frame that was sent on this side came back as: not forwarded, and nobody waits for it."""
    try:
        while True:
            sock.recv(1, socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass


def main():
    (near, near_mac), (far, far_mac) = opened(sys.argv[1]), opened(sys.argv[2])
    ways = {'outbound': (near, far, far_mac), 'inbound': (far, near, near_mac)}
    for line in sys.stdin:
        direction, frame = line.split()
        sender, receiver, mac = ways[direction]
        frame = bytes.fromhex(frame)
        drain(receiver)
        mark = marker(direction)
        sender.send(frame)
        sender.send(frame[:12] + b'\x08\x00' + mark)
        seen = []
        while True:
            ready, _, _ = select.select([receiver], [], [], 5)
            if not ready:
                raise SystemExit(f'the marker got lost behind {direction} {frame.hex()}')
            data = receiver.recv(1 << 17)
            # The marker by protocol and source: the time to live has gone down.
            if data[23:24] == b'\xfe' and data[26:30] == mark[12:16] and data[12:14] == b'\x08\x00':
                break
            own = data[26:30] in ROUTER if data[14] >> 4 == 4 else data[22:38] in ROUTER6
            if data[:6] == mac and not own:
                seen.append(data.hex())
        print(' '.join(seen))


main()
