"""A reader of WriteRequest that knows nothing of how fabd writes it: fields by their numbers, as protobuf's guide has them."""

import struct
from collections.abc import Iterator

import cramjam

Series = tuple[dict[str, str], list[tuple[float, int]]]


def varint(octets: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (octets[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not octets[at - 1] & 0x80:
            return number, at


def fields(octets: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(octets):
        key, at = varint(octets, at)
        match key & 7:
            case 0:
                value, at = varint(octets, at)
                yield key >> 3, value
            case 1:
                yield key >> 3, octets[at : at + 8]
                at += 8
            case 2:
                length, at = varint(octets, at)
                assert at + length <= len(octets)
                yield key >> 3, octets[at : at + length]
                at += length
            case kind:
                raise AssertionError(f"wire type {kind} does not occur in a WriteRequest")


def write_request(body: bytes) -> list[Series]:
    found: list[Series] = []
    for number, series in fields(bytes(cramjam.snappy.decompress_raw(body))):
        assert number == 1
        labels: dict[str, str] = {}
        samples: list[tuple[float, int]] = []
        for kind, content in fields(series):
            inside = dict(fields(content))
            if kind == 1:
                assert inside[1].decode() not in labels
                labels[inside[1].decode()] = inside[2].decode()
            else:
                assert kind == 2
                samples.append((struct.unpack("<d", inside[1])[0], inside[2]))
        assert list(labels) == sorted(labels), "labels are to be sorted by their names"
        found.append((labels, samples))
    return found
