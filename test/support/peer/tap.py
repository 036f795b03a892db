# A micro-VM on its tap, in user space: a clone with the MAC and the address that all of them have.
#   tap DEVICE MAC ADDRESS GATEWAY
# Makes the device; prints `ready`. Answers ARP for its address, echoes, and UDP datagrams with what it was sent and whom
# by. A line on its input, {"to": ADDRESS, "port": PORT, "text": TEXT}, is sent as a datagram to it; what comes back to
# that port is printed as {"from": ADDRESS, "text": TEXT, "sound": whether checksums are right}. It knows the gateway by
# asking, as any guest does.
import fcntl
import json
import os
import select
import struct
import sys

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
OWN_PORT = 4000

device, mac, address, gateway = sys.argv[1:5]
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
router = None
waiting = []
print("ready", flush=True)


def send(packet):
    os.write(tap, bytes(packet))


def is_sound(packet, layer, field):
    again = packet.copy()
    delattr(again[layer], field)
    return getattr(type(packet)(bytes(again))[layer], field) == getattr(packet[layer], field)


def reply(frame):
    ip = frame[IP]
    head = Ether(src=mac, dst=frame.src) / IP(src=address, dst=ip.src)
    if ICMP in ip and ip[ICMP].type == 8:
        send(head / ICMP(type=0, id=ip[ICMP].id, seq=ip[ICMP].seq) / ip[ICMP].payload)
    elif UDP in ip and ip[UDP].dport == OWN_PORT:
        sound = is_sound(ip, UDP, "chksum") and is_sound(ip, IP, "chksum")
        said = {"from": ip.src, "text": bytes(ip[UDP].payload).decode(), "sound": sound}
        print(json.dumps(said), flush=True)
    elif UDP in ip:
        seen = json.dumps([ip.src, bytes(ip[UDP].payload).decode()]).encode()
        send(head / UDP(sport=ip[UDP].dport, dport=ip[UDP].sport) / Raw(seen))


def flush():
    while router is not None and waiting:
        wish = waiting.pop(0)
        ip = IP(src=address, dst=wish["to"]) / UDP(sport=OWN_PORT, dport=wish["port"]) / Raw(wish["text"].encode())
        send(Ether(src=mac, dst=router) / ip)


while True:
    ready, _, _ = select.select([tap, sys.stdin], [], [])
    if tap in ready:
        frame = Ether(os.read(tap, 65536))
        if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == address:
            send(
                Ether(src=mac, dst=frame.src)
                / ARP(op=2, hwsrc=mac, psrc=address, hwdst=frame[ARP].hwsrc, pdst=frame[ARP].psrc)
            )
        elif ARP in frame and frame[ARP].op == 2 and frame[ARP].psrc == gateway:
            router = frame[ARP].hwsrc
            flush()
        elif IP in frame and frame[IP].dst == address and frame.dst == mac:
            reply(frame)
    if sys.stdin in ready:
        line = sys.stdin.readline()
        if line == "":
            break
        waiting.append(json.loads(line))
        if router is None:
            send(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc=address, pdst=gateway))
        flush()
