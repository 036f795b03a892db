"""Sends the frames it reads, hexadecimal and one a line, out of a device.

usage: send.py DEVICE
"""
import socket
import sys

sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind((sys.argv[1], 0))
for line in sys.stdin:
    sock.send(bytes.fromhex(line))
