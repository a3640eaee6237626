"""Feed the parsers of containers with damaged files: what they say, how long they take, in what memory (on Linux).

    python benchmarks/fuzz_formats.py [--minutes 10] [--parser NAME ...] [--seed N] [--keep FOLDER]

Good files of each kind are changed: bits, bytes and pieces, fields of their descriptions, lengths that lie, words and
lines of texts, two files glued together. What makes a parser say something new is changed further. A parser may
return codes, which then have to survive being written and read again, or raise one of three errors, which has to name
the file and a byte in it. Prints a table; the status is 1 where something else happened, and --keep keeps such files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from giblet.codecs.lm import OwnModel, Shape
from giblet.errors import CodecError, FormatError, ParameterError
from giblet.formats import CodeHeader, as_blocks, encodec_header, from_blocks, open_container, write_container
from giblet.formats.bits import pack
from giblet.timeline import FrameLayout

PARSERS = {"ecdc": ".ecdc", "lm": ".ecdc", "nac": ".nac", "text": ".txt"}
MOST_SECONDS = 2.0
"""Processor time of one case; a good file takes milliseconds."""
MOST_BYTES = 96 * 2**20
"""What all cases together may take beyond what was taken before the first."""
MOST_FILE = 2**16
MOST_POOL = 3000
MOST_BLOCKS = 2
"""Blocks that are read where a language model takes time for each frame."""
NUMBERS = [0, 1, 2, 7, 127, 255, 256, 1023, 1024, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**64]
VALUES: list[Any] = [
    *NUMBERS, -1, -(2**31), 0.5, 1e308, float("nan"), float("inf"), None, True, False, "", "x", "\0", "\ud800", [], {},
    "x" * 300, [[[[]]]], {"m": {}}, 10**400, "ff" * 4, "7fc00000", "encodec_24khz", "encodec_48khz",
]  # fmt: skip
WORDS = [
    b"",
    b"-1",
    b"1e9",
    b"nan",
    b"0x1f",
    b"1024",
    b"1023",
    b"99999",
    b"4294967296",
    b"\r",
    b"\t",
    b"\0",
    b"1 ",
    b"+1",
]


def main() -> None:
    """Fuzz one parser after the other and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--parser", action="append", choices=PARSERS)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path)
    asked = options.parse_args()
    # What libraries only warn of today is an error tomorrow.
    warnings.simplefilter("error")
    signal.signal(signal.SIGVTALRM, _too_long)
    found = False
    print("| parser | cases | minutes | refused | kinds of refusal | longest case, s | memory, MiB | wrong |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for parser in asked.parser or PARSERS:
        with tempfile.TemporaryDirectory() as folder:
            result = Fuzzer(parser, Path(folder), asked.seed).run(60 * asked.minutes)
        print(
            f"| {parser} | {result.cases:,} | {result.seconds / 60:.1f} | {result.refused:,} | {len(result.said)} "
            f"| {result.longest:.2f} | {result.grown / 2**20:.0f} | {len(result.wrong)} |",
            flush=True,
        )
        for data, problem in result.wrong:
            found = True
            print(f"{parser}: {problem}: {data[:200].hex()}", file=sys.stderr)
            if asked.keep is not None:
                asked.keep.mkdir(parents=True, exist_ok=True)
                name = f"{parser}-{hashlib.sha256(data).hexdigest()[:12]}{PARSERS[parser]}"
                (asked.keep / name).write_bytes(data)
    sys.exit(found)


@dataclass
class Result:
    """What happened."""

    cases: int = 0
    refused: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    grown: int = 0
    said: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[bytes, str]] = field(default_factory=list)


class Fuzzer:
    """Damages files of one kind and reads them.

    Parameters
    ----------
    parser : str
        One of `PARSERS`.
    folder : Path
        For its files.
    seed : int
        Another gives other cases.
    """

    def __init__(self, parser: str, folder: Path, seed: int) -> None:
        self._random = random.Random(f"{parser} {seed}")
        self._path = folder / f"case{PARSERS[parser]}"
        self._again = folder / f"again{PARSERS[parser]}"
        self._model = small_model() if parser == "lm" else None
        self._pool = good_files(parser, folder, self._model)
        self._n_good = len(self._pool)

    def run(self, seconds: float) -> Result:
        """Go on for some time."""
        result = Result()
        for data in self._pool[: self._n_good]:
            if self._read(data) is not None:
                raise RuntimeError("a good file was refused")
        # Good files have been read and written by now, so that libraries are loaded.
        Path("/proc/self/clear_refs").write_text("5")
        before, begin = peak_memory(), time.monotonic()
        while (passed := time.monotonic() - begin) < seconds:
            self._case(self._changed(), result)
            result.grown = peak_memory() - before
            if result.grown > MOST_BYTES:
                result.wrong.append((self._path.read_bytes(), f"{result.grown} bytes of memory"))
                break
        result.seconds = passed
        return result

    def _case(self, data: bytes, result: Result) -> None:
        result.cases += 1
        began = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
        wrong = False
        try:
            said = self._read(data)
        except Exception as error:
            wrong, said = True, f"{type(error).__name__}: {error}"
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        result.longest = max(result.longest, time.process_time() - began)
        if said is None:
            return
        result.refused += not wrong
        kind = re.sub(r"'.*?'|b'.*?'|[0-9.]+", "#", said)
        new = kind not in result.said
        result.said[kind] += 1
        if new and wrong:
            result.wrong.append((data, said))
        elif new and len(self._pool) < MOST_POOL:
            self._pool.append(data)

    def _read(self, data: bytes) -> str | None:
        """Return what an error says, None where there is none."""
        self._path.write_bytes(data)
        try:
            container = open_container(self._path)
            container.describe()
            blocks = list(islice(container.blocks(self._model), MOST_BLOCKS if self._model else None))
        except (FormatError, CodecError, ParameterError) as error:
            offset = getattr(error, "offset", None) or 0
            if str(self._path) not in str(error) or "\n" in str(error) or not 0 <= offset <= len(data):
                raise AssertionError(f"a message that does not help: {error}") from error
            return str(error).replace(str(self._path), "")
        codes, segments = from_blocks(blocks)
        if codes.min() < 0 or codes.max() >= container.header.codebook_size:
            raise AssertionError("codes that are none")
        if codes.shape[1] == container.header.n_frames:
            self._write_again(container.header, codes, segments)
        elif self._model is None:
            raise AssertionError("another number of frames than announced")
        return None

    def _write_again(self, header: CodeHeader, codes: np.ndarray, segments: list[tuple[int, float | None]]) -> None:
        model = self._model if header.entropy_coded else None
        header = replace(header, model_fingerprint=model and model.fingerprint)
        write_container(self._again, header, as_blocks(codes, segments), model, force=True)
        back, back_segments = from_blocks(open_container(self._again).blocks(model))
        if not (np.array_equal(back, codes) and back_segments == segments):
            raise AssertionError("codes that change when they are written again")

    def _changed(self) -> bytes:
        chance = self._random
        # Half of all cases begin with a good file.
        last = self._n_good if chance.random() < 0.5 else len(self._pool)
        data = self._pool[chance.randrange(last)]
        for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 5, 8, 20])):
            data = chance.choice(CHANGES)(data, chance, self._pool)[:MOST_FILE]
        return data


def flip(data: bytes, chance: random.Random, _: list[bytes]) -> bytes:
    """Change a bit or a byte, often in the head."""
    copy = bytearray(data or b"\0")
    at = place(copy, chance)
    copy[at] = copy[at] ^ 1 << chance.randrange(8) if chance.random() < 0.5 else chance.randrange(256)
    return bytes(copy)


def number(data: bytes, chance: random.Random, _: list[bytes]) -> bytes:
    """Put a notable number somewhere."""
    kind = chance.choice(["!B", "!H", "!I", "<I", "!Q"])
    packed = struct.pack(kind, chance.choice(NUMBERS) % 256 ** struct.calcsize(kind))
    at = place(data, chance)
    return data[:at] + packed + data[at + len(packed) :]


def cut(data: bytes, chance: random.Random, _: list[bytes]) -> bytes:
    """Take a piece out, or the end off."""
    at = place(data, chance)
    return data[:at] if chance.random() < 0.3 else data[:at] + data[at + chance.choice([1, 2, 4, 9, 50, 1000]) :]


def insert(data: bytes, chance: random.Random, _: list[bytes]) -> bytes:
    """Put random bytes in, or many equal ones."""
    at = place(data, chance)
    size = chance.choice([1, 1, 2, 4, 9, 100, 3000])
    piece = chance.randbytes(size) if chance.random() < 0.5 else bytes([chance.choice(b'\0\xff \n1[{"')]) * size
    return data[:at] + piece + data[at:]


def glue(data: bytes, chance: random.Random, pool: list[bytes]) -> bytes:
    """Go on with a piece of another file, or of this one."""
    other = chance.choice(pool)
    start = place(other, chance)
    at = place(data, chance)
    return data[:at] + other[start : start + chance.choice([4, 50, MOST_FILE])] + data[at + chance.choice([0, 4, 50]) :]


def describe(data: bytes, chance: random.Random, _: list[bytes]) -> bytes:
    """Change a field of the description, whose length then fits or lies."""
    # The text begins at byte 9 of both kinds, and its size stands at byte 5 or 4.
    at = 5 if data[:1] == b"E" else 4
    start, size = 9, int.from_bytes(data[at : at + 4])
    try:
        fields = json.loads(data[start : start + size])
    except (ValueError, RecursionError):
        return data
    if not isinstance(fields, dict):
        fields = {"model": "x"}
    key = chance.choice([*fields, "seg", "stride", "segment", "scales", "fp", "lf", "chunk", "lm"])
    old = fields.get(key)
    how = chance.random()
    if how < 0.2:
        fields.pop(key, None)
    elif how < 0.6 and type(old) is int:
        fields[key] = old + chance.choice([-1, 1, 2, 319, 320, -320, 47_520, old, -2 * old])
    else:
        fields[key] = chance.choice(VALUES)
    text = json.dumps(fields, ensure_ascii=chance.random() < 0.8).encode("utf-8", "surrogatepass")
    said = len(text) if chance.random() < 0.9 else chance.choice(NUMBERS) % 2**32
    return data[:at] + said.to_bytes(4) + data[at + 4 : start] + text + data[start + size :]


def reword(data: bytes, chance: random.Random, _: list[bytes]) -> bytes:
    """Change a word of a text."""
    words = data.split(b" ")
    words[chance.randrange(len(words))] = chance.choice([*WORDS, str(chance.choice(NUMBERS)).encode()])
    return b" ".join(words)


def reline(data: bytes, chance: random.Random, _: list[bytes]) -> bytes:
    """Double, drop, move, cut or empty a line of a text."""
    lines = data.split(b"\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    line = lines[at]
    how = chance.randrange(5)
    if how == 0:
        lines.insert(to, line)
    elif how == 1:
        del lines[at]
    elif how == 2:
        lines[at], lines[to] = lines[to], line
    elif how == 3:
        lines[at] = line[: place(line, chance)]
    else:
        lines[at] = chance.choice([b"", b" ", b"\r", b"1", b"2", b"6", b"1.5", b"24.0"])
    return b"\n".join(lines)


CHANGES = [flip, flip, number, cut, insert, glue, describe, describe, reword, reline]


def place(data: bytes | bytearray, chance: random.Random) -> int:
    """Return where to change a file: half of the time in its head, where parsers go wrong."""
    return chance.randrange(max(1, min(len(data), chance.choice([16, 200, MOST_FILE, MOST_FILE]))))


def good_files(parser: str, folder: Path, model: OwnModel | None) -> list[bytes]:
    """Return good files of one kind, some of them tiny."""
    own = CodeHeader("böse name", FrameLayout(16_000, 320), 5, codebook_size=700)
    segmented = CodeHeader("own", FrameLayout(8_000, 100, 1_000, 900), 3, codebook_size=33, normalized=True)
    wide = CodeHeader("wide", FrameLayout(22_050, 441), 1, codebook_size=2**15)
    known = CodeHeader("known", FrameLayout(16_000, 320), 3, codebook_size=50, codec_fingerprint="0" * 64)
    headers = [encodec_header("encodec_24khz", 2), encodec_header("encodec_48khz", 4), own, segmented, wide]
    headers = [known] if parser == "lm" else headers[:2] if parser == "text" else headers
    path = folder / f"good{PARSERS[parser]}"
    files = []
    for header in headers:
        for length in (1, 960, 5_000) if model else (1, 960, 5_000, 47_600, 100_000):
            codes, segments = some_codes(replace(header, length=length))
            described = replace(header, length=length, model_fingerprint=model and model.fingerprint)
            write_container(path, described, as_blocks(codes, segments), model, force=True)
            files.append(path.read_bytes())
    if parser == "nac":
        files += [b"NAC\0\0\0\0\x04" + bytes([kbps]) + b"null" + pack(np.arange(n), 10)
                  for kbps, n in ((3, 900), (1, 2), (6, 12 * 26))]  # fmt: skip
    if parser == "text":
        # As the original program writes them.
        files += [data.rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n" for data in files]
    return files


def some_codes(header: CodeHeader) -> tuple[np.ndarray, list[tuple[int, float | None]]]:
    """Return codes and segments that a sound of this length may have."""
    rng = np.random.default_rng(0)
    frames = list(header.segment_frames())
    codes = rng.integers(0, header.codebook_size, (header.n_codebooks, sum(frames))).astype(np.int16)
    return codes, [(n, 0.5 + i if header.normalized else None) for i, n in enumerate(frames)]


def small_model() -> OwnModel:
    """Return a language model with random weights."""
    rng = np.random.default_rng(0)
    shape = Shape(3, 50, width=8, channels=12, layers=3, head=10)
    arrays = {}
    for name, (kind, size) in shape.arrays().items():
        arrays[name] = rng.integers(-100, 100, size).astype(kind)
        if name.endswith(("scale", "write", "read")):
            arrays[name] = np.full(size, 300, kind)
    return OwnModel(shape, arrays)


def peak_memory() -> int:
    """Return the most bytes that this process held since the mark was reset; Linux tells it."""
    return 1024 * int(re.findall(r"VmHWM:\s*([0-9]+)", Path("/proc/self/status").read_text())[0])


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {MOST_SECONDS:g} s of processor time")


if __name__ == "__main__":
    main()
