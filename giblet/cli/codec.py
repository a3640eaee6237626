"""``giblet codec``: sound to files of codes and back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import Device, Force, Verbose
from giblet.cli.progress import Bar
from giblet.errors import GibletError, MediaError, ParameterError, printable

if TYPE_CHECKING:
    from giblet.transcoding import Job, Transcoding

HQ = "facebook/encodec_48khz"


def command(
    names: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Sound, or codes: .ecdc, .nac, the .txt of acomp, a store; a folder stands for what it holds. OUTPUT "
            "may follow; its ending (.ecdc, .nac, .txt, .wav, .flac, .ogg, .giblet) says what is made: by default "
            ".ecdc of sound and _decompressed.wav of codes, beside the input. Of two names the second is OUTPUT. For "
            "several inputs it is a folder, or just an ending, such as .nac.",
            show_default=False,
        ),
    ],
    bandwidth: Annotated[
        str | None,
        typer.Option(
            "-b",
            "--bandwidth",
            metavar="KBPS",
            help="Kilobits per second: 1.5, 3, 6, 12 or 24, with --hq 3, 6, 12 or 24, with --codec tiny 1.5, 3, 6 or "
            "12; giblet info CODEC lists those of any other.",
            show_default="6",
        ),
    ] = None,
    hq: Annotated[bool, typer.Option("--hq", help="The 48 kHz stereo model instead of the 24 kHz one.")] = False,
    lm: Annotated[
        bool, typer.Option("--lm", help="Entropy coding by the codec's language model: smaller .ecdc files, slower.")
    ] = False,
    rescale: Annotated[
        bool, typer.Option("-r", "--rescale", help="Make a sound that would clip quieter as a whole.")
    ] = False,
    codec: Annotated[
        str | None,
        typer.Option(
            "--codec",
            help="Hub name, the folder of a codec, or tiny or apcodec-tiny, which are built in; of codes, the one that "
            "made them.",
            show_default="facebook/encodec_24khz, or what codes say",
        ),
    ] = None,
    device: Device = "auto",
    force: Force = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one document a line for several inputs.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Encode sound into files of codes, decode them, or turn one kind into another without any model.

    giblet codec INPUT... [OUTPUT]. Files of codes are those of Meta's encodec (.ecdc), Neural Audio Codec (.nac) and
    acomp (.txt).
    """
    from giblet.codecs import as_bandwidth
    from giblet.transcoding import Transcoder, plan

    if hq and codec is not None:
        raise ParameterError("--hq and --codec both name a codec", "give one of them")
    if len(names) == 2 and names[1].is_file() and not force:
        raise MediaError(
            "is there already, and of two names the second is the output",
            "choose another name, or replace it with --force",
            names[1],
        )
    kbps = None if bandwidth is None else as_bandwidth(bandwidth)
    transcoder = Transcoder(
        HQ if hq else codec, kbps, lm=lm, rescale=rescale, device=device,
        force=force,
    )  # fmt: skip
    jobs = plan(names)
    # Whatever is wrong is said before any work, and once where it is wrong for all.
    if _complain(jobs, transcoder.check):
        raise typer.Exit(2)

    def run(job: Job) -> None:
        with Bar() as bar:
            done = transcoder.run(job, bar)
        if done.clipped:
            sys.stderr.write(
                f"giblet: {printable(str(done.path))}: the sound reaches {done.peak:.3f} of full scale and is clipped; "
                "-r makes it quieter instead.\n"
            )
        if as_json:
            typer.echo(json.dumps(_document(job, done, bar.speed)))
        else:
            typer.echo(closing_line(job, done, bar.speed))

    if _complain(jobs, run):
        raise typer.Exit(2)


def _complain(jobs: Sequence[Job], work: Callable[[Job], None]) -> bool:
    """Do something with every job, say what is wrong with which, and return whether anything was."""
    said: set[str] = set()
    for job in jobs:
        try:
            work(job)
        except GibletError as error:
            if str(error) not in said:
                sys.stderr.write(f"giblet: {error}\n")
            said.add(str(error))
    return bool(said)


def _document(job: Job, done: Transcoding, speed: float) -> dict[str, Any]:
    header = done.header
    return {
        "input": str(job.source),
        "output": str(job.output),
        "codec": header.codec,
        "seconds": done.seconds,
        "n_codebooks": header.n_codebooks,
        "bandwidth": header.bandwidth,
        "entropy_coded": header.entropy_coded,
        "bytes": job.output.stat().st_size if job.output.is_file() else None,
        "peak": done.peak,
        "gain": done.gain,
        "clipped": done.clipped,
        "speed": speed,
    }


def closing_line(job: Job, done: Transcoding, speed: float) -> str:
    """Say what became of an input.

    Parameters
    ----------
    job : Job
        Input and output.
    done : Transcoding
        The result.
    speed : float
        Seconds of sound per second.

    Returns
    -------
    str
        Names, duration, codec, bandwidth, size, what a language model saved, by how much sound was made quieter.
    """
    from math import log10

    header = done.header
    parts = [f"{printable(str(job.source))} → {printable(str(done.path))}", f"{done.seconds:.3f} s"]
    parts.append(f"{printable(header.codec)}, {header.n_codebooks} codebooks, {header.bandwidth:g} kbps")
    if done.peak is None and done.path.is_file():
        size = done.path.stat().st_size
        parts.append(f"{size} bytes, {size * 8 / 1000 / done.seconds:.2f} kbps")
        plain = header.n_codebooks * (header.n_frames or 0) * header.bits / 8
        if header.entropy_coded:
            parts.append(f"{1 - size / plain:.0%} saved by the language model")
    if done.gain < 1:
        parts.append(f"made {-20 * log10(done.gain):.1f} dB quieter")
    return "; ".join([*parts, *header.notes, f"{speed:.0f} × real time"])
