"""Draw the pictures of the documentation again, into docs/images.

python docs/figures/make.py [NAME...]
"""

from __future__ import annotations

import os
import runpy
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parent / "images"


def draw(script: Path, picture: Path) -> None:
    """Run a script and save the figure that it shows.

    Parameters
    ----------
    script : Path
        A file `plot_NAME.py` beside this one.
    picture : Path
        PNG to write, in 64 colours.
    """
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt
    from PIL import Image

    os.chdir(HERE)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
        runpy.run_path(str(script))
    plt.gcf().savefig(picture, dpi=110, metadata={"Software": None})
    plt.close("all")
    with Image.open(picture) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    wanted = [HERE / f"plot_{name}.py" for name in sys.argv[1:]] or sorted(HERE.glob("plot_*.py"))
    for script in wanted:
        draw(script, IMAGES / f"{script.stem.removeprefix('plot_')}.png")
