# Sends one datagram whose checksum, once its source is TRANSLATED, computes to zero.
# Arguments: ADDRESS TRANSLATED PORT.
import socket
import struct
import sys

address, translated, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
IPPROTO_UDP = 17
LENGTH = 8 + 2  # header and one word of payload


def folded(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def summed(source, payload):
    return folded(
        socket.inet_aton(source)
        + socket.inet_aton(address)
        + struct.pack("!HH", IPPROTO_UDP, LENGTH)
        + struct.pack("!HHHH", port, port, LENGTH, 0)
        + payload
    )


# The word that fills the sum up to 0xffff.
payload = struct.pack("!H", 0xFFFF - summed(translated, b"\0\0"))
assert summed(translated, payload) == 0xFFFF
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("", port))
sender.sendto(payload, (address, port))
