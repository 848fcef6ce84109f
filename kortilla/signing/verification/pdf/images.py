# SPDX-License-Identifier: MIT
"""Finds the end of an image in contents (ISO 32000-2 §8.9.7).

Some programs look for the next ``EI``, others unpack the image first. So the end is
where both find it.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from kortilla.signing.verification.pdf.filters import decoded
from kortilla.signing.verification.pdf.lexical import (
    Name,
    Value,
    irregular,
    read,
    whole,
)

#: The short and long names of entries, color spaces and filters (tables 91 to 93).
_SHORT = {
    "BPC": "BitsPerComponent",
    "CS": "ColorSpace",
    "D": "Decode",
    "DP": "DecodeParms",
    "F": "Filter",
    "H": "Height",
    "IM": "ImageMask",
    "I": "Interpolate",
    "L": "Length",
    "W": "Width",
}
_KNOWN = {*_SHORT.values(), "Intent"}
_SPACES = {"G": "DeviceGray", "RGB": "DeviceRGB", "CMYK": "DeviceCMYK", "I": "Indexed"}
#: How many components a color of a device has (§8.6.4).
DEVICES = {"DeviceGray": 1, "DeviceRGB": 3, "DeviceCMYK": 4}
_COMPONENTS = DEVICES | {"Indexed": 1}
#: Programs look whether text follows, and take the end for a part of the image if not.
_END = re.compile(rb"[\t\n\f\r ]?EI(?=[\t\n\f\r ])")
_AFTER = re.compile(rb"[\t\n\r -~]{0,25}+(?![^\t\n\r -~])")
_FILTERS = {
    "AHx": "ASCIIHexDecode",
    "A85": "ASCII85Decode",
    "CCF": "CCITTFaxDecode",
    "DCT": "DCTDecode",
    "Fl": "FlateDecode",
    "LZW": "LZWDecode",
    "RL": "RunLengthDecode",
}
#: The end of a fax in two dimensions (ITU-T T.6, EOFB), and of a JPEG (T.81, EOI).
_EOFB = re.compile("(?:0{11}1){2}0{0,7}$")
_ENDS: dict[str, Callable[[bytes], bool]] = {
    "CCITTFaxDecode": lambda data: bool(
        _EOFB.search(f"{int.from_bytes(data[-4:]):032b}", 1)
    ),
    "DCTDecode": lambda data: data.find(b"\xff\xd9") == len(data) - 2,
}
_MAX_OCTETS = 1_000_000  # the standard wants at most 4,096


class Image(NamedTuple):
    """Where an image ends, after its ``EI``, and how many octets it has, unpacked.

    ``space`` is the name of its colors.
    """

    end: int
    octets: int
    space: str | None
    is_mask: bool


def read_image(entries: bytes, data: bytes, at: int) -> Image:
    """Read the image at an offset. Raises ``RefusedError``."""
    found, _ = read(b"<<" + entries + b">>", 0)
    written = found if isinstance(found, dict) else {}
    image = {_SHORT.get(key, key): value for key, value in written.items()}
    end = _END.search(data, at, at + _MAX_OCTETS)
    if len(image) != len(written) or not image.keys() <= _KNOWN or end is None:
        raise irregular(f"an image in contents without an end, or an odd one, at {at}")
    packed = data[at : end.start()]
    names = [_FILTERS.get(str(each), str(each)) for each in _listed(image, "Filter")]
    more = [each for each in _listed(image, "DecodeParms") if isinstance(each, dict)]
    size = _size(image)
    if len(names) == 1 and names[0] in _ENDS:
        known = _ENDS[str(names[0])](packed)
    else:
        pixels = decoded(packed, names, more or [{}] * len(names))
        known = len(pixels) == size if size is not None else bool(names)
        size = len(pixels)
    if not known or not _AFTER.match(data, end.end()):
        raise irregular(f"an image in contents whose end is not clear at {at}")
    space = image.get("ColorSpace")
    name = _SPACES.get(space, str(space)) if isinstance(space, Name) else None
    return Image(end.end(), size or 0, name, image.get("ImageMask") is True)


def _listed(image: dict[str, Value], key: str) -> list[Value]:
    found = image.get(key)
    if isinstance(found, list):
        return found
    return [] if found is None else [found]


def _size(image: dict[str, Value]) -> int | None:
    """Return how many octets an image has, or None if its colors are a resource."""
    width, height = whole(image.get("Width")), whole(image.get("Height"))
    if image.get("ImageMask") is True:
        return -(-width // 8) * height
    space = image.get("ColorSpace")
    name = str(space[0] if isinstance(space, list) and space else space)
    count = _COMPONENTS.get(_SPACES.get(name, name))
    if count is None:
        return None
    return -(-width * count * whole(image.get("BitsPerComponent")) // 8) * height
