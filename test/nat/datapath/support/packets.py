"""Builds random packets with scapy, which sums every checksum itself, each for the ends before and after translation.

usage: packets.py COUNT SEED
Out: one JSON object a line: what it is, direction, the mapping, and the frame before and after.
"""
import ipaddress
import json
import random
import sys

from scapy.all import (GRE, ICMP, IP, SCTP, TCP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6DestUnreach, ICMPv6EchoReply,
                       ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPOption, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Padding, PadN, Raw,
                       SCTPChunkInit)
from scapy.utils import checksum

random.seed(int(sys.argv[2]))
# Bytes of a fragment: a multiple of 8 that holds any fixed header.
PIECE = 64
ERRORS = [(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (5, 0), (5, 1), (11, 0), (11, 1), (12, 0)]
ERRORS6 = [ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, ICMPv6ParamProblem]


def word():
    return random.choice([0, 0xFFFF, 1, 0xFFFE, random.randrange(0x10000), random.randrange(0x10000)])


def address(six):
    number = 0
    for _ in range(8 if six else 2):
        number = number << 16 | word()
    return ipaddress.IPv6Address(number) if six else ipaddress.IPv4Address(number)


def data(most):
    return random.randbytes(random.randrange(most + 1))


# Mappings: the text, and what an end on one side becomes on the other.

def network(one, length):
    return ipaddress.ip_network((int(one), length) if one.version == 4 else (int(one), length), strict=False)


def bracketed(one):
    return f'[{one}]' if one.version == 6 else str(one)


def folded(number):
    return number % 0xFFFF


def words(number):
    return [number >> 16 * (7 - i) & 0xFFFF for i in range(8)]


def neutral(host, start, end, length):
    """RFC 6296, sections 3.4 and 3.5; None where no word can take the difference."""
    moved = words(int(end.network_address) | host & int(end.hostmask))
    places = [3] if length <= 48 else [4, 5, 6, 7]
    places = [i for i in places if words(host)[i] != 0xFFFF]
    if not places:
        return None
    difference = sum(words(int(start.network_address))) - sum(words(int(end.network_address)))
    moved[places[0]] = folded(words(host)[places[0]] + difference)
    return ipaddress.IPv6Address(sum(one << 16 * (7 - i) for i, one in enumerate(moved)))


def mapping(six, kind):
    """The text, and a function that picks an end: (inside, outside), each an address with a port."""
    inside, outside = address(six), address(six)
    any_port = random.randrange(0x10000)
    if kind == 'address':
        return f'{inside}={outside}', (inside, any_port), (outside, any_port)
    if kind in ('prefix', 'neutral'):
        length = random.choice([16, 32, 44, 48, 49, 56, 60, 64] if six else [8, 12, 16, 20, 24, 31, 32])
        near, far = network(inside, length), network(outside, length)
        host = int(address(six)) & int(near.hostmask)
        own = type(inside)(int(near.network_address) | host)
        becomes = type(inside)(int(far.network_address) | host)
        if kind == 'neutral':
            becomes = neutral(int(own), near, far, length)
        text = f'{near}={far}' + (',neutral' if kind == 'neutral' else '')
        return text, (own, any_port), (becomes, any_port)
    count = 1 if kind == 'port' else random.choice([1, 2, 64, 100, 1024, 5000])
    first, onto = (random.randrange(0x10000 - count + 1) for _ in range(2))
    at = random.randrange(count)
    ends = (inside, first + at), (outside, onto + at)
    if kind == 'port':
        protocol = random.choice(['tcp', 'udp'])
        text = f'{bracketed(inside)}:{first}/{protocol}={bracketed(outside)}:{onto}/{protocol}'
        return text, *ends
    last = count - 1
    return f'{bracketed(inside)}:{first}-{first + last}={bracketed(outside)}:{onto}-{onto + last}', *ends


# Packets: functions of the two ends, and of the end whose port is the identifier of a query.

def payload(six, text, most):
    """What is carried: its name and a function of the ends."""
    body, seq, types = data(most), random.randrange(1 << 32), random.choice([0, 8])
    options = random.choice([[], [('MSS', 1460), ('SAckOK', b'')], [('Timestamp', (1, 2))]])
    echo6 = random.choice([ICMPv6EchoRequest, ICMPv6EchoReply])
    inner = [str(address(False)) for _ in range(2)]
    ports = lambda a, b: {'sport': a[1], 'dport': b[1]}
    echo = lambda a, b, own: (echo6(id=own[1], seq=seq & 0xFFFF, data=body) if six
                              else ICMP(type=types, id=own[1], seq=seq & 0xFFFF) / Raw(body))
    kinds = {
        'tcp': lambda a, b, own: TCP(**ports(a, b), seq=seq, flags='PA', options=options) / Raw(body),
        'udp': lambda a, b, own: UDP(**ports(a, b)) / Raw(body),
        'udp without a checksum': lambda a, b, own: UDP(**ports(a, b), chksum=0) / Raw(body),
        'echo': echo,
        'gre': lambda a, b, own: GRE(proto=0x0800) / IP(src=inner[0], dst=inner[1]) / UDP() / Raw(body),
        'sctp': lambda a, b, own: SCTP(**ports(a, b)) / SCTPChunkInit() / Raw(body),
        'protocol 253': lambda a, b, own: Raw(b'x' + body),
    }
    # By port only what has ports, and of one protocol where the mapping says which.
    if '/tcp' in text or '/udp' in text:
        names = ['tcp'] if '/tcp' in text else ['udp', 'udp without a checksum']
    elif text.rsplit('=', 1)[-1].rsplit(':', 1)[-1].count('-'):
        names = ['tcp', 'udp', 'udp without a checksum', 'echo']
    else:
        names = list(kinds)
    name = random.choice(names)
    return name, kinds[name]


def extensions(first):
    """Extension headers as scapy has them; `first`: hop-by-hop may be among them."""
    pad = lambda: [PadN(optdata=bytes(random.choice([4, 12, 20])))]
    chain = [IPv6ExtHdrHopByHop(options=pad())] if first and random.random() < 0.2 else []
    if random.random() < 0.3:
        chain.append(IPv6ExtHdrDestOpt(options=pad()))
    if random.random() < 0.3:
        stops = [str(address(True)) for _ in range(random.randrange(1, 4))]
        chain.append(IPv6ExtHdrRouting(type=0, addresses=stops, segleft=random.choice([0, 1, len(stops)])))
    return chain


def header(six, name, source, destination, fields, chain):
    around = (IPv6 if six else IP)(src=str(source[0]), dst=str(destination[0]), **fields)
    for one in chain:
        around = around / one.copy()
    if name == 'protocol 253':
        last = around.lastlayer()
        setattr(last, 'proto' if isinstance(last, IP) else 'nh', 253)
    return around


def fields(six):
    if six:
        return {'hlim': random.randrange(256), 'fl': random.randrange(1 << 20), 'tc': random.randrange(256)}
    options = []
    if random.random() < 0.3:
        options = [IPOption(b'\x94\x04\x00\x00')] + [IPOption(b'\x01')] * random.randrange(9)
    return {'ttl': random.randrange(256), 'id': random.randrange(0x10000), 'tos': random.randrange(256),
            'flags': random.choice([0, 'DF']), 'options': options}


def plain(six, text):
    name, body = payload(six, text, 1300)
    about, chain = fields(six), extensions(True) if six else []
    # By ports a later fragment cannot be told.
    ported = ':' in text.replace('::', '') and '-' in text or '/tcp' in text or '/udp' in text
    pick = None if ported or random.random() < 0.75 else random.random()

    def build(source, destination, own):
        packet = header(six, name, source, destination, about, chain) / body(source, destination, own)
        whole = bytes(packet)
        if pick is None:
            return whole
        # The transport was summed over the whole; scapy sums the header of the fragment.
        if six:
            size = 40 + sum(len(bytes(one)) for one in chain)
        else:
            size = (whole[0] & 15) * 4
        carried = whole[size:]
        at = int(pick * len(carried) / PIECE) * PIECE
        last = at + PIECE >= len(carried)
        part = Raw(carried[at:at + PIECE])
        if six:
            protocol = whole[6] if not chain else whole[size - len(bytes(chain[-1]))]
            shell = header(six, '', source, destination, about, chain)
            return bytes(shell / IPv6ExtHdrFragment(nh=protocol, offset=at // 8, m=0 if last else 1, id=7) / part)
        more = dict(about, flags=0 if last else 'MF', frag=at // 8)
        return bytes(IP(src=str(source[0]), dst=str(destination[0]), proto=whole[9], **more) / part)

    return name + ('' if pick is None else ', fragment'), build


def error(six, text):
    name, body = payload(six, text, 120)
    around, about = fields(six), fields(six)
    chain = extensions(False) if six else []
    kind, code = random.choice(ERRORS6 if six else ERRORS) if not six else (random.choice(ERRORS6), 0)
    cut, rest = random.choice([None, 8, 8, 20]), random.randrange(1 << 32)

    def build(source, destination, own):
        packet = header(six, name, destination, source, about, chain)
        size = len(bytes(packet))
        quoted = bytes(packet / body(destination, source, own))[:None if cut is None else size + cut]
        if six:
            return bytes(IPv6(src=str(source[0]), dst=str(destination[0]), **around) / kind(code=code) / Raw(quoted))
        message = bytes([kind, code, 0, 0]) + rest.to_bytes(4, 'big') + quoted
        message = message[:2] + checksum(message).to_bytes(2, 'big') + message[4:]
        return bytes(IP(src=str(source[0]), dst=str(destination[0]), proto=1, **around) / Raw(message))

    return f'error about {name}', build


def frame(six, packet, tags):
    whole = Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02')
    for one in tags:
        whole = whole / one.copy()
    whole.lastlayer().type = 0x86DD if six else 0x0800
    whole = whole / Raw(packet)
    return bytes(whole / Padding(random.randbytes(46 - len(packet)))) if len(packet) < 46 else bytes(whole)


def one():
    six = random.random() < 0.5
    kind = random.choice(['address', 'prefix', 'port', 'port_block', 'neutral' if six else 'address'])
    text, inside, outside = mapping(six, kind)
    if outside[0] is None:
        return None
    peer = (address(six), random.randrange(0x10000))
    outsides = text.split(',')[0].split('=')[1]
    if '/' in outsides and 'prefix neutral'.find(kind) >= 0 and peer[0] in ipaddress.ip_network(outsides):
        return None
    if peer[0] == outside[0]:
        return None
    name, build = random.choice([plain, plain, error])(six, text)
    out = random.random() < 0.5
    own, becomes = (inside, outside) if out else (outside, inside)
    tags = random.choice([[]] * 6 + [[Dot1Q(vlan=5)], [Dot1AD(vlan=6), Dot1Q(vlan=7)]])
    state = random.getstate()
    # The same padding both times.
    before = frame(six, build(own, peer, own) if out else build(peer, own, own), tags)
    random.setstate(state)
    after = frame(six, build(becomes, peer, becomes) if out else build(peer, becomes, becomes), tags)
    return {'name': f'IPv{6 if six else 4} {kind}: {name}', 'direction': 'outbound' if out else 'inbound',
            'mapping': text, 'before': before.hex(), 'after': after.hex()}


left = int(sys.argv[1])
while left > 0:
    built = one()
    if built is not None:
        print(json.dumps(built))
        left -= 1
