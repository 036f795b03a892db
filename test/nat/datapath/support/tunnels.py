"""Builds random tunnel packets with scapy, which sums every checksum itself, each as it comes and as it is to go on.

usage: tunnels.py COUNT SEED
Out: one JSON object a line: what it is, direction, kind of tunnel, family of the underlay, whether inner addresses are
translated, and the frame before and after. VNIs and addresses are those of support/tunnel.ts.
"""
import json
import random
import sys

from scapy.all import (ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, IPv6, Raw)
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.layers.vxlan import VXLAN

random.seed(int(sys.argv[2]))
PLACEHOLDER, VNI = 9_000_001, 0x123456
LOCAL = ['192.0.2.2', '2001:db8:2::2']
REMOTE = ['198.51.100.7', '2001:db8:a::7']
INSIDE = ['172.16.0.2', 'fd00::2']
OUTSIDE = ['10.77.200.9', '2001:db8:77::c8:1234']
PEER = ['10.77.0.1', '2001:db8:77::1']


def options():
    return [GeneveOptions(classid=random.randrange(0x10000), type=random.randrange(256),
                          data=random.randbytes(4 * random.randrange(4))) for _ in range(random.randrange(5))]


def payload(six):
    """A function of the two ends, so that it is the same for others."""
    ports = dict(sport=random.randrange(1, 65536), dport=random.randrange(1, 65536))
    data = Raw(random.randbytes(random.randrange(1200)))
    kind = random.choice(['tcp', 'udp', 'udp without a checksum', 'echo'] + ([] if six else ['arp']))
    tags = [Dot1Q(vlan=random.randrange(1, 4095)) for _ in range(random.choice([0, 0, 0, 1]))]

    def build(ends):
        frame = Ether(src='02:00:00:00:00:02', dst='02:00:00:00:00:01')
        for tag in tags:
            frame = frame / tag
        if kind == 'arp':
            return frame / ARP(op=2, psrc=ends[0], pdst=ends[1], hwsrc='02:00:00:00:00:02', hwdst='02:00:00:00:00:01')
        head = IPv6(src=ends[0], dst=ends[1]) if six else IP(src=ends[0], dst=ends[1], id=7)
        body = {
            'tcp': TCP(**ports, seq=5), 'udp': UDP(**ports), 'udp without a checksum': UDP(**ports, chksum=0),
            'echo': ICMPv6EchoRequest(id=3) if six else ICMP(id=3),
        }[kind]
        return frame / head / body / data

    return kind, build


def tunnel(kind, vni, extra):
    if kind == 'vxlan':
        return VXLAN(vni=vni, flags='Instance')
    # scapy of Debian 12 masks the length with 0x2f instead of 0x3f, so that 16 to 31 words of options are lost
    words = sum(len(bytes(option)) for option in extra) // 4
    return GENEVE(vni=vni, proto=0x6558, options=extra, optionlen=words)


for _ in range(int(sys.argv[1])):
    outbound = random.random() < 0.5
    kind = random.choice(['vxlan', 'geneve'])
    outer6, six = random.randrange(2), random.randrange(2)
    translated = random.random() < 0.5
    name, build = payload(six)
    extra = options()
    chain = random.choice([{}, {'chksum': 0}])
    source_port = random.randrange(1, 65536)
    local, remote = LOCAL[outer6], REMOTE[outer6]
    ends = (local, remote) if outbound else (remote, local)

    def frame(vni, own):
        pair = (own, PEER[six]) if outbound else (PEER[six], own)
        head = IPv6(src=ends[0], dst=ends[1]) if outer6 else IP(src=ends[0], dst=ends[1], id=9)
        port = 4789 if kind == 'vxlan' else 6081
        udp = UDP(sport=source_port, dport=port, **chain)
        return bytes(Ether(src='02:00:00:00:00:0a', dst='02:00:00:00:00:0b') / head / udp
                     / tunnel(kind, vni, extra) / build(pair)).hex()

    near, far = INSIDE[six], OUTSIDE[six] if translated else INSIDE[six]
    before = frame(PLACEHOLDER, near) if outbound else frame(VNI, far)
    after = frame(VNI, far) if outbound else frame(PLACEHOLDER, near)
    print(json.dumps({'name': name, 'direction': 'outbound' if outbound else 'inbound', 'kind': kind,
                      'family': 6 if outer6 else 4, 'translated': translated, 'before': before, 'after': after}))
