"""How many bits a language model saves of the codes of recordings: python benchmarks/lm_saving.py CODEC FILE..."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from giblet.codecs import encode, load_codec
from giblet.codecs.lm import load_language_model
from giblet.formats.arithmetic import RANGE_BITS
from giblet.media import AudioReader


def main() -> None:
    """Print the share of the bits that is saved, by bandwidth, over all files together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("codec", help="a codec that has a language model, such as tiny")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=20, help="of each file, from its beginning")
    asked = parser.parse_args()
    codec, model = load_codec(asked.codec, "cpu"), load_language_model(asked.codec)
    rate, full = codec.layout.sample_rate, math.log2(codec.codebook_size)
    sounds = []
    for file in asked.files:
        with AudioReader(file, sample_rate=rate, channels=codec.channels) as reader:
            sounds.append(np.concatenate(list(reader), axis=1)[:, : int(asked.seconds * rate)])
    for bandwidth in codec.bandwidths:
        bits = n_codes = 0.0
        for sound in sounds:
            codes = encode(codec, sound, bandwidth)
            first = 0
            for segment in codes.segments:
                part = codes.data[:, first : first + segment.n_frames]
                low, high = model.start(len(part)).intervals(part)
                bits += float((RANGE_BITS - np.log2(high - low)).sum())
                n_codes += part.size
                first += segment.n_frames
        print(f"{bandwidth:g} kbps: {1 - bits / n_codes / full:.1%} saved, {bits / n_codes:.2f} bits a code")


if __name__ == "__main__":
    main()
