# What a device gives to the stack, behind all programs at its ingress: packet sockets for one protocol see that, where
# captures see what arrives. Arguments: DEVICE COUNT. Prints `ready`, then of the first COUNT UDP datagrams to port 7000
# [tag still in the frame, destination, whether its checksum is right], in order of arrival; fewer when no more come.
import json
import os
import select
import socket
import sys
import time

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

device, count = sys.argv[1], int(sys.argv[2])
PROTOCOLS = (0x0800, 0x86DD, 0x8100)
# See emulation.ts.
PATIENCE = 100 if os.environ.get("TSNAT_EMULATED") == "yes" else 20
sockets = []
for protocol in PROTOCOLS:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    opened.bind((device, protocol))
    sockets.append(opened)
print("ready", flush=True)


def judge(frame):
    ip = frame[IPv6] if IPv6 in frame else frame[IP]
    again = ip.copy()
    del again[UDP].chksum
    sound = type(ip)(bytes(again))[UDP].chksum == frame[UDP].chksum
    return [frame[Dot1Q].vlan if Dot1Q in frame else 0, ip.dst, sound]


said = []
until = time.monotonic() + PATIENCE
while len(said) < count and time.monotonic() < until:
    ready, _, _ = select.select(sockets, [], [], 0.1)
    for each in ready:
        data, address = each.recvfrom(65536)
        frame = Ether(data)
        if address[2] != socket.PACKET_OUTGOING and UDP in frame and frame[UDP].dport == 7000:
            said.append(judge(frame))
print(json.dumps(said))
