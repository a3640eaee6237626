"""Codes to bytes and back: .ecdc, .nac and the text of acomp. Nothing here knows models or sound."""

from giblet.formats.arithmetic import CodeModel, CodeState, quantised_cdf
from giblet.formats.blocks import CodeBlock, as_blocks, from_blocks
from giblet.formats.container import Container, create_container, open_container, write_container
from giblet.formats.header import ENCODEC_24KHZ, ENCODEC_48KHZ, CodeHeader, encodec_header
from giblet.formats.writing import CodeWriter

__all__ = [
    "ENCODEC_24KHZ",
    "ENCODEC_48KHZ",
    "CodeBlock",
    "CodeHeader",
    "CodeModel",
    "CodeState",
    "CodeWriter",
    "Container",
    "as_blocks",
    "create_container",
    "encodec_header",
    "from_blocks",
    "open_container",
    "quantised_cdf",
    "write_container",
]
