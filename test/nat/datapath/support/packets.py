"""Builds random packets with scapy, which sums every checksum itself, each for the address before and after translation.

usage: packets.py COUNT SEED
Out: one JSON object a line: what it is, direction, the mapped pair, and the frame before and after.
"""
import json
import random
import sys

from scapy.all import GRE, ICMP, IP, SCTP, TCP, UDP, Ether, IPOption, Padding, Raw, SCTPChunkInit
from scapy.utils import checksum

random.seed(int(sys.argv[2]))
# Bytes of a fragment: a multiple of 8 that holds any fixed header.
PIECE = 64
ERRORS = [(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (5, 0), (5, 1), (11, 0), (11, 1), (12, 0)]


def address():
    word = lambda: random.choice([0, 0xFFFF, 1, 0xFFFE, random.randrange(0x10000), random.randrange(0x10000)])
    return '.'.join(str(b) for b in (word() << 16 | word()).to_bytes(4, 'big'))


def data(most):
    return random.randbytes(random.randrange(most + 1))


def options():
    if random.random() < 0.7:
        return []
    return [IPOption(b'\x94\x04\x00\x00')] + [IPOption(b'\x01')] * random.randrange(9)


def payload(most):
    port = lambda: random.randrange(0x10000)
    kinds = {
        'tcp': lambda: TCP(sport=port(), dport=port(), seq=random.randrange(1 << 32), flags='PA',
                           options=random.choice([[], [('MSS', 1460), ('SAckOK', b'')], [('Timestamp', (1, 2))]])),
        'udp': lambda: UDP(sport=port(), dport=port()),
        'udp without a checksum': lambda: UDP(sport=port(), dport=port(), chksum=0),
        'icmp echo': lambda: ICMP(type=random.choice([0, 8]), id=port(), seq=port()),
        'gre': lambda: GRE(proto=0x0800) / IP(src=address(), dst=address()) / UDP(),
        'sctp': lambda: SCTP(sport=port(), dport=port()) / SCTPChunkInit(),
        'protocol 253': lambda: Raw(b'x'),
    }
    kind = random.choice(list(kinds))
    return kind, kinds[kind]() / Raw(data(most))


def header(kind, source, destination, fields):
    extra = {'proto': 253} if kind == 'protocol 253' else {}
    return IP(src=source, dst=destination, **fields, **extra)


def fields():
    return {'ttl': random.randrange(256), 'id': random.randrange(0x10000), 'tos': random.randrange(256),
            'flags': random.choice([0, 'DF']), 'options': options()}


def plain():
    kind, body = payload(1400)
    about = fields()
    pick = None
    if random.random() < 0.25:
        about['flags'], pick = 0, random.random()

    def build(source, destination):
        whole = bytes(header(kind, source, destination, about) / body)
        if pick is None:
            return whole
        # The transport was summed over the whole; scapy sums the header of the fragment.
        payload = whole[(whole[0] & 15) * 4:]
        at = int(pick * len(payload) / PIECE) * PIECE
        last = at + PIECE >= len(payload)
        part = dict(about, flags=0 if last else 'MF', frag=at // 8)
        return bytes(IP(src=source, dst=destination, proto=whole[9], **part) / Raw(payload[at:at + PIECE]))

    return kind + ('' if pick is None else ', fragment'), build


def error():
    kind, body = payload(120)
    around, about = fields(), fields()
    kind_of, code = random.choice(ERRORS)
    cut = random.choice([None, 20, 28, 28, 40])
    rest = random.randrange(1 << 32)

    def build(source, destination):
        quoted = bytes(header(kind, destination, source, about) / body)[:cut]
        message = bytes([kind_of, code, 0, 0]) + rest.to_bytes(4, 'big') + quoted
        message = message[:2] + checksum(message).to_bytes(2, 'big') + message[4:]
        return bytes(IP(src=source, dst=destination, proto=1, **around) / Raw(message))

    return f'error {kind_of} about {kind}', build


def frame(packet):
    whole = Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02', type=0x0800) / Raw(packet)
    return bytes(whole / Padding(random.randbytes(46 - len(packet)))) if len(packet) < 46 else bytes(whole)


for _ in range(int(sys.argv[1])):
    name, build = random.choice([plain, plain, error])()
    out = random.random() < 0.5
    inside, outside, peer = address(), address(), address()
    own, becomes = (inside, outside) if out else (outside, inside)
    state = random.getstate()
    # The same padding both times.
    before = frame(build(own, peer) if out else build(peer, own))
    random.setstate(state)
    after = frame(build(becomes, peer) if out else build(peer, becomes))
    print(json.dumps({'name': name, 'direction': 'outbound' if out else 'inbound', 'inside': inside,
                      'outside': outside, 'before': before.hex(), 'after': after.hex()}))
