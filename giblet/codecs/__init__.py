"""Sound to discrete codes and back."""

from giblet.codecs.base import Codec, Decoder, Encoder, decode, decode_blocks, encode
from giblet.codecs.catalog import CodecSpec, as_bandwidth, find_codec, usual_bandwidth
from giblet.codecs.codes import Codes, Segment, check_codes
from giblet.codecs.loading import get_codebooks, load_codec, load_spec, look_at_codec

__all__ = [
    "Codec",
    "CodecSpec",
    "Codes",
    "Decoder",
    "Encoder",
    "Segment",
    "as_bandwidth",
    "check_codes",
    "decode",
    "decode_blocks",
    "encode",
    "find_codec",
    "get_codebooks",
    "load_codec",
    "load_spec",
    "look_at_codec",
    "usual_bandwidth",
]
