"""Sound to a text of codes and back, with the arguments of acomp.

python acomp.py encode --input_file talk.wav --embedding_file talk.txt --bandwidth 6 [--output_file heard.wav]
python acomp.py decode --embedding_file talk.txt --output_file heard.wav

Sound of one channel is encoded with Meta's 24 kHz model, any other with its 48 kHz stereo model. --codec names another
codec, such as tiny, which comes with giblet. acomp's own texts are read, and acomp reads these.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from giblet.codecs import Codec
from giblet.errors import GibletError
from giblet.media import AudioReader
from giblet.transcoding import codes_to_sound, sound_to_codes

MODELS = {1: "facebook/encodec_24khz", 2: "facebook/encodec_48khz"}


def encode(
    input_file: Path, embedding_file: Path, bandwidth: float, output_file: Path | None, codec: str | None
) -> None:
    """Write the codes of a sound as text, and the sound that they give."""
    with AudioReader(input_file) as reader:
        model = codec or MODELS[min(reader.source_channels, 2)]
    written = sound_to_codes(input_file, embedding_file, model, bandwidth, force=True)
    print(f"{embedding_file}: {written.header.n_codebooks} codebooks, {written.header.n_frames} frames")
    if output_file is not None:
        decode(embedding_file, output_file, model)


def decode(embedding_file: Path, output_file: Path, codec: Codec | str | None) -> None:
    """Write the sound that a text of codes gives."""
    heard = codes_to_sound(embedding_file, output_file, codec, force=True)
    print(f"{output_file}: {heard.seconds:.3f} s{', clipped' if heard.clipped else ''}")


def main() -> int:
    """Run acomp's two commands."""
    parser = argparse.ArgumentParser(description="Encode sound into a text of codes, and decode it.")
    modes = parser.add_subparsers(dest="mode", required=True)
    encoding = modes.add_parser("encode", help="sound to text")
    encoding.add_argument("--input_file", type=Path, required=True)
    encoding.add_argument("--embedding_file", type=Path, required=True)
    encoding.add_argument("--bandwidth", type=float, required=True, help="kbps: 1.5 (mono only), 3, 6, 12 or 24")
    encoding.add_argument("--output_file", type=Path, help="the sound that the codes give")
    decoding = modes.add_parser("decode", help="text to sound")
    decoding.add_argument("--embedding_file", type=Path, required=True)
    decoding.add_argument("--output_file", type=Path, required=True)
    for mode in (encoding, decoding):
        mode.add_argument("--codec", help="a codec for giblet in place of Meta's models, such as tiny")
    arguments = vars(parser.parse_args())
    mode = {"encode": encode, "decode": decode}[arguments.pop("mode")]
    try:
        mode(**arguments)
    except GibletError as error:
        print(f"acomp: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
