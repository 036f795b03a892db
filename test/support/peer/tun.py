# The outside world behind a tun device, in user space: no link layer, no kernel at the other end.
#   tun DEVICE [[FROM, TO], ...]
# Makes the device; prints `ready`. Answers echoes, and UDP datagrams with [ADDRESS, PORT] of who sent them. At a line on
# its input it pings each TO from FROM. When its input ends it prints what came: [source, destination, what, checksum].
import fcntl
import json
import os
import select
import struct
import sys

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", sys.argv[1].encode(), IFF_TUN | IFF_NO_PI))
pings = json.loads(sys.argv[2])
came = []
print("ready", flush=True)


def rebuilt(packet, layer, field):
    again = packet.copy()
    delattr(again[layer], field)
    return type(packet)(bytes(again))


def is_sound(packet, layer, field):
    return getattr(rebuilt(packet, layer, field)[layer], field) == getattr(packet[layer], field)


def answer(packet, head):
    if ICMP in packet and packet[ICMP].type == 8:
        came.append([packet.src, packet.dst, "echo", is_sound(packet, ICMP, "chksum")])
        return head / ICMP(type=0, id=packet[ICMP].id, seq=packet[ICMP].seq) / packet[ICMP].payload
    if ICMPv6EchoRequest in packet:
        echo = packet[ICMPv6EchoRequest]
        came.append([packet.src, packet.dst, "echo", is_sound(packet, ICMPv6EchoRequest, "cksum")])
        return head / ICMPv6EchoReply(id=echo.id, seq=echo.seq, data=echo.data)
    if UDP in packet:
        came.append([packet.src, packet.dst, "udp", is_sound(packet, UDP, "chksum")])
        seen = json.dumps([packet.src, packet[UDP].sport]).encode()
        return head / UDP(sport=packet[UDP].dport, dport=packet[UDP].sport) / Raw(seen)
    if ICMP in packet and packet[ICMP].type == 0:
        came.append([packet.src, packet.dst, "reply", is_sound(packet, ICMP, "chksum")])
    if ICMPv6EchoReply in packet:
        came.append([packet.src, packet.dst, "reply", is_sound(packet, ICMPv6EchoReply, "cksum")])
    return None


while True:
    ready, _, _ = select.select([tun, sys.stdin], [], [])
    if tun in ready:
        data = os.read(tun, 65536)
        packet = (IPv6 if data[0] >> 4 == 6 else IP)(data)
        sent = answer(packet, type(packet)(src=packet.dst, dst=packet.src))
        if sent is not None:
            os.write(tun, bytes(sent))
    if sys.stdin in ready:
        if sys.stdin.readline() == "":
            break
        for source, target in pings:
            echo = IPv6(src=source, dst=target) / ICMPv6EchoRequest(id=7, data=b"ping") if ":" in target else (
                IP(src=source, dst=target) / ICMP(id=7) / Raw(b"ping")
            )
            os.write(tun, bytes(echo))
print(json.dumps(came))
