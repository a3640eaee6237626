"""What each feature of a film costs, and what taking eight at once saves: python benchmarks/features.py FILM.

Models are untrained ones of a few layers, so their figures say what windows and batches cost, not what a large model
would. Memory is the largest anonymous memory of the process (RssAnon), start and libraries included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from giblet.data import open_store
from giblet.media.probe import probe

SOUND = (
    "audio.codes", "audio.mel", "audio.power", "audio.envelope", "audio.envelope@bands=16", "audio.f0",
    "audio.centroid", "audio.onset",
)  # fmt: skip
EIGHT = (
    "audio.codes", "audio.mel", "audio.power", "audio.envelope", "audio.centroid", "audio.onset", "video.luminance",
    "video.contrast",
)  # fmt: skip
PICTURES = ("video.frames", "video.luminance", "video.contrast", "video.motion_energy", "video.cuts")
WORDS = ("text.word_rate", "text.duration", "text.frequency", "text.embedding:minilm")


def main() -> None:
    """Print a table, and the ratio of times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--words", type=Path, help="annotations of the film, for features of text")
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison, whose shortest counts")
    asked = parser.parse_args()
    seconds = probe(asked.film).duration or 0.0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sound, picture = models(place)
        features = [*SOUND, f"audio.hf:{sound}:2", *PICTURES, f"video.hf:{picture}:2"]
        print(f"{asked.film.name}, {seconds:.1f} s")
        print(f"{'feature':28} {'Hz':>8} {'columns':>8} {'× real time':>12} {'MiB':>6}")
        for feature in features + (list(WORDS) if asked.words else []):
            taken, memory = extract(asked.film, [feature], place / "store", asked.words)
            for name, rate, columns in described(place / "store"):
                label = name.replace(folder, "…")
                print(f"{label:28} {rate:>8} {columns:>8} {seconds / taken:>12.1f} {memory / 2**20:>6.0f}", flush=True)
        together = min(extract(asked.film, EIGHT, place / "store")[0] for _ in range(asked.rounds))
        apart = sum(min(extract(asked.film, [f], place / "store")[0] for _ in range(asked.rounds)) for f in EIGHT)
    print(f"{', '.join(EIGHT)}: {together:.1f} s together, {apart:.1f} s one by one, ratio {together / apart:.2f}")


def extract(film: Path, features: tuple[str, ...] | list[str], store: Path, words: Path | None = None):
    """Run giblet extract and return its seconds and its largest memory, bytes."""
    command = [sys.executable, "-m", "giblet", "extract", film, "-o", store, "-f", "--codec", "tiny", "--no-cache"]
    command += ["--features", ",".join(features), *(["--annotations", words] if words else [])]
    began, memory = time.perf_counter(), 0
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory = max(memory, anonymous(process.pid))
            time.sleep(0.02)
    if process.returncode:
        sys.exit(f"giblet extract --features {','.join(features)} ended with status {process.returncode}")
    return time.perf_counter() - began, memory


def anonymous(pid: int) -> int:
    """Return the anonymous memory of a process, bytes; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def described(path: Path):
    """Yield name, rate and columns of what a store holds."""
    store = open_store(path)
    for name in store.features:
        series = store.provenance.get("series", {}).get(name)
        if series is None:
            values, layout, _ = store.native(name)
            yield name, f"{float(layout.frame_rate):.4g}", len(values)
        else:
            rate = "events" if series["rate"] is None else f"{float(Fraction(series['rate'])):.4g}"
            columns = series["columns"]
            yield name, rate, columns if isinstance(columns, int) else len(columns)


def models(folder: Path) -> tuple[Path, Path]:
    """Save an untrained model of sound and one of pictures."""
    import transformers

    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    sound, picture = folder / "wav2vec2", folder / "vit"
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**sizes, conv_dim=(64,) * 7)).save_pretrained(sound)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(sound)
    transformers.ViTModel(transformers.ViTConfig(**sizes)).save_pretrained(picture)
    transformers.ViTImageProcessorPil().save_pretrained(picture)
    return sound, picture


if __name__ == "__main__":
    main()
