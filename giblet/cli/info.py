"""``giblet info``: what a film, a file of codes, a store or a codec holds."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from giblet.cli.closing import listed_gaps
from giblet.cli.options import Json, Verbose
from giblet.errors import CodecError, MediaError, printable

CODE_ENDINGS = (".ecdc", ".nac", ".txt")
# What a folder holds that was meant as a store, or as a codec.
STORE_FILES, CODEC_FILES = ("manifest.json", "zarr.json"), ("config.json", "model.safetensors", "pytorch_model.bin")

UNITS = {
    "announced_duration": "s",
    "bandwidth": "kbps",
    "bytes": "bytes",
    "duration": "s",
    "duration_with_padding": "s",
    "frame_rate": "frames/s",
    "height": "pixels",
    "hop": "samples",
    "hop_length": "samples",
    "n_fft": "samples",
    "n_samples": "samples",
    "offset": "s",
    "picture_start": "s",
    "rate": "pictures/s",
    "sample_rate": "Hz",
    "seconds": "s",
    "segment": "samples",
    "segment_seconds": "s",
    "sound_start": "s",
    "source_rate": "Hz",
    "start": "s",
    "stride": "samples",
    "tr": "s",
    "weights_bytes": "bytes",
    "width": "pixels",
}


def command(
    file: Annotated[
        str,
        typer.Argument(help="A film, sound, a file of codes, a store or its URL, or a codec.", show_default=False),
    ],
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show what FILE holds: streams and their clocks, parameters, codebooks, frame rate."""
    about = describe(file)
    if as_json:
        typer.echo(json.dumps(about))
    else:
        for line in lines(about):
            typer.echo(line)


def describe(file: str) -> dict[str, Any]:
    """Find out what a name stands for and what it holds.

    Parameters
    ----------
    file : str
        A path, the URL of a store, or the name of a codec.

    Returns
    -------
    dict
        JSON types; ``kind`` is ``film``, ``sound``, ``ecdc``, ``nac``, ``text``, ``store`` or ``codec``.

    Raises
    ------
    GibletError
        If it is none of them.
    """
    from giblet.store import as_place, is_url

    if is_url(file):
        return _store(file)
    if "://" in file:
        file = str(as_place(file))
    if os.path.isdir(file):  # noqa: PTH112 - names that no file system takes make Path raise here
        return _folder(file)
    if os.path.lexists(file):
        return _codes(file) if file.lower().endswith(CODE_ENDINGS) else _media(Path(file))
    try:
        return _codec(file)
    except CodecError as error:
        raise MediaError(
            "there is no such file or store, and no codec of that name could be had",
            "check the name, and for a codec from the hub the network",
            file,
        ) from error


def _store(file: str) -> dict[str, Any]:
    from giblet.store import read_manifest

    manifest = read_manifest(file)
    about = {"kind": "store", "path": file, "key": manifest["key"], "arrays": manifest["arrays"]}
    return about | manifest["provenance"]


def _folder(file: str) -> dict[str, Any]:
    path = Path(file)
    if any((path / name).exists() for name in STORE_FILES):
        return _store(file)
    try:
        return _codec(file)
    except CodecError as error:
        if any((path / name).exists() for name in CODEC_FILES):
            raise
        raise MediaError(
            "is a folder that holds neither a store nor a codec", "name a file, a store or a codec", file
        ) from error


def _codes(file: str) -> dict[str, Any]:
    from giblet.formats import open_container

    container = open_container(file)
    made_by = {"fingerprint": container.header.codec_fingerprint, "language_model": container.header.model_fingerprint}
    return {"path": file, "bytes": Path(file).stat().st_size, **container.describe(), **made_by}


def _media(path: Path) -> dict[str, Any]:
    from giblet.data.checks import check_file
    from giblet.media.probe import probe

    check_file(path)
    found = probe(path)
    about = {"kind": "film" if found.pictures else "sound"} | found.to_dict()
    about["clocks"] = [_clock(path, track.track) for track in found.audio]
    return about


def _clock(path: Path, track: int) -> dict[str, Any]:
    from giblet.media import AudioReader

    # The reader's own reckoning, after its first second, so that extracting a film gives the same.
    with AudioReader(path, track=track) as reader:
        for _ in zip(range(2), reader, strict=False):
            pass
        report = reader.report
    return {
        "track": track,
        "picture_start": report.picture_start,
        "sound_start": report.sound_start,
        "offset": report.offset,
    }


def _codec(name: str) -> dict[str, Any]:
    from giblet.codecs.catalog import find_codec
    from giblet.codecs.weights import SAFETENSORS, weight_shapes

    spec = find_codec(name)
    counted = {}
    if [file.name for file in spec.weight_files] == [SAFETENSORS]:
        counted["parameters"] = sum(math.prod(shape) for shape in weight_shapes(spec.weight_files[0]).values())
    size = sum(file.stat().st_size for file in spec.weight_files)
    return {"kind": "codec", **spec.to_dict(), "weights_bytes": size, **counted}


def lines(about: dict[str, Any], indent: str = "") -> list[str]:
    """Lay out nested values for a person.

    Parameters
    ----------
    about : dict
        JSON types.
    indent : str
        In front of each line.

    Returns
    -------
    list of str
        One line per value.
    """
    out = []
    for name, value in about.items():
        if isinstance(value, dict) and value:
            if name == "codebooks" and all(isinstance(item, int) for item in value.values()):
                value = {f"{bandwidth} kbps": number for bandwidth, number in value.items()}
            out += [f"{indent}{name}:", *lines(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for i, item in enumerate(value):
                out += [f"{indent}{name} {i}:", *lines(item, indent + "  ")]
        elif value is not None:
            out.append(f"{indent}{name}: {_shown(name, value)}")
    return out


def _shown(name: str, value: Any) -> str:
    if value in ([], {}):
        return "none"
    if name == "gaps":
        return listed_gaps(value)
    if name == "notes":
        value = "; ".join(value)
    text = f"{value:.6g}" if isinstance(value, float) else printable(str(value))
    return f"{text} {UNITS[name]}" if name in UNITS else text
