"""``giblet demo``: the whole round trip on the sample film."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from giblet.cli.options import Verbose
from giblet.cli.progress import Bar
from giblet.errors import MediaError, printable

BANDWIDTHS = (1.5, 3.0, 6.0, 12.0)
STORE = "sample_stimulus.giblet"


def command(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the results: a new or empty one, or an earlier demo's.")
    ] = Path("demo_output"),
    verbose: Verbose = False,
) -> None:
    """Extract codes of the sample film, make sound of them again, and measure it."""
    check_folder(output)

    from giblet.data import extract, open_store, reconstruct
    from giblet.data.rebuild import make_folder
    from giblet.media import AudioReader
    from giblet.metrics import stoi
    from giblet.store import is_store

    film = sample_film()
    make_folder(output / "results")
    store = output / STORE
    with Bar() as bar:
        # The store of an earlier demo is replaced and nothing kept is taken, so that the speed is measured each time.
        again = is_store(store)
        done = extract(film, store, codec="tiny", bandwidth=BANDWIDTHS[-1], progress=bar, force=again, cache=False)
        encoding = bar.speed
        opened = open_store(store)
        view = opened.tr_view(bandwidth=3.0)
        typer.echo(f"film            {printable(str(film))}: {done.provenance['sound']['duration']:.2f} s")
        typer.echo(f"codes per TR    {view.shape} {view.dtype} at TR {view.attrs['tr_seconds']:g} s and 3 kbps")
        with AudioReader(film, sample_rate=opened.layout.sample_rate) as reader:
            source = reader.read().data[0]
        typer.echo("")
        typer.echo(" kbps  codebooks   STOI  decoded sound")
        for bandwidth in BANDWIDTHS:
            sound = output / f"decoded_{bandwidth:g}kbps.wav"
            reconstruct(store, sound, bandwidth=bandwidth, force=True, progress=bar)
            with AudioReader(sound) as reader:
                value = stoi(source, reader.read().data[0], opened.layout.sample_rate)
            books = done.provenance["codec"]["codebooks"][f"{bandwidth:g}"]
            typer.echo(f"{bandwidth:5g}  {books:9d}  {value:.3f}  {printable(str(sound))}")
        decoding = bar.speed
        decoded = output / "sample_stimulus_12kbps.mp4"
        reconstruct(store, decoded, film=film, force=True, progress=bar)
    typer.echo("")
    typer.echo(f"speed           film to codes {encoding:.0f} × real time, decoding {decoding:.0f} × real time")
    typer.echo(f"film, decoded   {printable(str(decoded))}")
    typer.echo(f"store           {printable(str(store))}  (giblet info shows it; giblet.open_store reads it)")


def check_folder(output: Path) -> None:
    """Raise if results of the demo could replace files of somebody.

    Parameters
    ----------
    output : Path
        Folder for the results.

    Raises
    ------
    MediaError
        If it is a file, or a folder that holds something and not the store of an earlier demo.
    """
    from giblet.store import is_store

    if output.exists() and not output.is_dir():
        raise MediaError("is a file", "name a folder", output)
    # Hidden files are what file browsers, or a demo that was killed, left behind.
    if not output.exists() or is_store(output / STORE) or all(file.name[0] == "." for file in output.iterdir()):
        return
    raise MediaError("holds other files", "name a new folder, such as demo_output", output)


def sample_film() -> Path:
    """Return where the sample film lies.

    Returns
    -------
    Path
        In the installed package, or in ``data/`` of a checkout.

    Raises
    ------
    MediaError
        If it is in neither.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "data", package.parent / "data"):
        if (folder / "sample_stimulus.mp4").is_file():
            return folder / "sample_stimulus.mp4"
    raise MediaError("the sample film is missing", "install giblet again", "sample_stimulus.mp4")
