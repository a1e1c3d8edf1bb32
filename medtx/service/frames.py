"""Event-stream frames; botocore decodes them."""

import struct
from zlib import crc32


def encode(headers: dict[str, str], payload: bytes) -> bytes:
    """One frame; its headers are strings."""
    packed = b""
    for name, value in headers.items():
        data = value.encode()
        packed += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(data)) + data
    prelude = struct.pack("!II", len(packed) + len(payload) + 16, len(packed))
    whole = prelude + struct.pack("!I", crc32(prelude)) + packed + payload
    return whole + struct.pack("!I", crc32(whole))
