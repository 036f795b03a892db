# Sends one datagram without a checksum. Arguments: ADDRESS PORT SIZE.
import socket
import sys

SO_NO_CHECK = 11  # include/uapi/asm-generic/socket.h

address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
sender.sendto(bytes(range(256)) * (size // 256) + bytes(size % 256), (address, port))
