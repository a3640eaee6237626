"""``giblet info``: what a film, a store or a codec holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from giblet.cli.options import Json
from giblet.errors import CodecError, MediaError


def command(
    file: Annotated[str, typer.Argument(help="A film, a sound file, a store, or a codec.", show_default=False)],
    as_json: Json = False,
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
        A path, or the name of a codec.

    Returns
    -------
    dict
        JSON types; ``kind`` is ``film``, ``sound``, ``store`` or ``codec``.

    Raises
    ------
    GibletError
        If it is none of them.
    """
    from giblet.store import is_store, read_manifest

    path = Path(file)
    if path.is_file():
        return _media(path)
    if is_store(path):
        manifest = read_manifest(path)
        return {"kind": "store", "path": file, "key": manifest["key"], "arrays": manifest["arrays"]} | (
            manifest["provenance"]
        )
    return _codec(file)


def _media(path: Path) -> dict[str, Any]:
    from giblet.media.probe import probe

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
    from giblet.codecs.catalog import WEIGHTS, find_codec

    try:
        spec = find_codec(name)
    except CodecError as error:
        if Path(name).is_dir() or "/" not in name:
            raise MediaError(
                "is no film, sound file, store or codec", "check the name, or see giblet info --help", path=name
            ) from error
        raise
    assert spec.folder is not None
    weights = next(spec.folder / file for file in WEIGHTS if (spec.folder / file).is_file())
    return {
        "kind": "codec",
        **spec.to_dict(),
        "weights_bytes": weights.stat().st_size,
        **({"parameters": _count(weights)} if weights.suffix == ".safetensors" else {}),
    }


def _count(weights: Path) -> int:
    from safetensors import safe_open

    from giblet.errors import CodecError

    try:
        with safe_open(weights, framework="numpy") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 - no mapping
    except Exception as error:  # safetensors has an error type of its own for each kind of damage.
        raise CodecError("the weights cannot be read", "save or download the model again", weights) from error
    total = 0
    for shape in shapes:
        size = 1
        for length in shape:
            size *= length
        total += size
    return total


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
            out += [f"{indent}{name}:", *lines(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for i, item in enumerate(value):
                out += [f"{indent}{name} {i}:", *lines(item, indent + "  ")]
        elif isinstance(value, float):
            out.append(f"{indent}{name}: {value:.6g}")
        elif value is not None:
            out.append(f"{indent}{name}: {value}")
    return out
