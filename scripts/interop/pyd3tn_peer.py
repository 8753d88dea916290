"""The other end: receives bundles and prints their payloads' first letter and length, or sends some of its own."""
import socket
import sys

from pyd3tn.bundle7 import Bundle, serialize_bundle7
from pyd3tn.mtcp import MTCPConnection, MTCPSocket

mode, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if mode == "receive":
    server = socket.create_server(("127.0.0.1", port))
    connection, _ = server.accept()
    with MTCPSocket(connection) as mtcp:
        for _ in range(count):
            payload = Bundle.parse(mtcp.recv_bundle()).payload_block.data
            print(chr(payload[0]), len(payload))
else:
    with MTCPConnection("127.0.0.1", port) as mtcp:
        for number in range(count):
            length = (10, 1000, 100000)[number]
            mtcp.send_bundle(serialize_bundle7("dtn://other/", "dtn://gapmesh/in", b"x" * length))
