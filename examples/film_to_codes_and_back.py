"""From a film to codes per TR and back to sound, step by step.

python examples/film_to_codes_and_back.py [FILM] [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import giblet
from giblet.data.audio import AudioProcessor

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample_stimulus.mp4"


def main() -> None:
    """Run the steps."""
    film = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("example_output")

    # One array per TR. The table tells each TR's time, and which of the codec's frames it holds.
    processor = AudioProcessor(encodec_bandwidth=3.0, tr=1.5, codec="tiny")
    codes, table = processor.audio_to_features(film)
    print(codes.shape, codes.dtype)
    print(table.head(4).to_string(index=False))

    # Any slice decodes at its own time: here TRs 2 to 5.
    processor.features_to_audio(codes[2:6], folder / "trs_2_to_5.wav", table[2:6])

    # A store keeps the codes at their own rate, from which any TR follows without running the codec again.
    giblet.extract(film, folder / "film.giblet", codec="tiny", bandwidth=6.0)
    store = giblet.open_store(folder / "film.giblet")
    print(store.tr_view(tr=2.0, bandwidth=3.0).sizes)

    # Codes are labels, so they are never averaged. Their vectors may be, for a model of brain activity.
    print(store.tr_view("audio.latents", pool="mean").sizes)


if __name__ == "__main__":
    main()
