"""Damaged and malicious images: read to some end, or refused with the file's name; soon, and in little memory."""

from __future__ import annotations

import gzip
import os
import random
import struct
import time
import tracemalloc

import nibabel
import numpy as np
import pytest
from bold.fabricated import brain, grayordinates, write_cifti, write_gifti, write_mask, write_nifti, write_sidecar

from giblet.bold import read_bold, read_space, shared_mask
from giblet.errors import BoldError, GibletError

MOST_SECONDS = 5
# nibabel asks for as much as an extension of the header claims, below 2 GB, and touches none of it.
MOST_BYTES = 2**31 + 64 * 2**20
SHAPE = (5, 6, 4)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One good file of each kind, and the options to read it."""
    folder = tmp_path_factory.mktemp("good")
    volumes, inside = brain(6, SHAPE)
    mask = write_mask(folder / "mask.nii", inside)
    axis = grayordinates()
    values = np.random.default_rng(0).normal(size=(6, len(axis)))
    write_nifti(folder / "a.nii", volumes)
    write_nifti(folder / "b.nii.gz", volumes)
    write_cifti(folder / "c.dtseries.nii", values, axis, tr=2.0)
    write_gifti(folder / "d.func.gii", values)
    good = {
        folder / "a.nii": {"mask": mask}, folder / "b.nii.gz": {"mask": mask},
        folder / "c.dtseries.nii": {}, folder / "d.func.gii": {},
    }  # fmt: skip
    # Libraries are loaded before the clock runs.
    for path, options in good.items():
        read_bold(path, tr=2, **options)
    read_bold(write_nifti(folder / "e.nii.gz", brain(3)[0]))
    return good


def attempt(path, **options):
    """Read; only refusals are allowed, in bounded time and memory."""
    tracemalloc.start()
    begin = time.monotonic()
    try:
        courses = read_bold(path, tr=2, **options)
    except GibletError as error:
        text = str(error)
        assert "\n" not in text
        assert len(text) < 700
        return text
    else:
        assert np.isfinite(courses.values).all()
        assert courses.values.shape == (len(courses.censored), len(courses.valid))
        return ""
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.monotonic() - begin < MOST_SECONDS
        assert peak < MOST_BYTES


def test_cut_short_at_any_place(files, tmp_path):
    for path, options in files.items():
        content = path.read_bytes()
        assert attempt(path, **options) == ""
        for length in {0, 1, 300, 352, 600, len(content) // 2, len(content) - 200, len(content) - 9, len(content) - 1}:
            cut = tmp_path / path.name
            cut.write_bytes(content[:length])
            said = attempt(cut, **options)
            assert path.name in said, (path.name, length)


def test_a_flipped_bit_in_a_compressed_file_is_found(files, tmp_path):
    path = next(p for p in files if p.name == "b.nii.gz")
    content = path.read_bytes()
    for place in range(20, len(content), len(content) // 20):
        broken = bytearray(content)
        broken[place] ^= 0x10
        (tmp_path / path.name).write_bytes(broken)
        assert path.name in attempt(tmp_path / path.name, **files[path])


def test_changed_at_random(files, tmp_path):
    rng = random.Random(1)
    for path, options in files.items():
        content = path.read_bytes()
        for _ in range(30):
            broken = bytearray(content)
            # Most of what can go wrong lies in the header.
            for _ in range(rng.choice([1, 2, 8])):
                broken[rng.randrange(min(len(broken), rng.choice([348, 900, len(broken)])))] = rng.randrange(256)
            (tmp_path / path.name).write_bytes(broken)
            attempt(tmp_path / path.name, **options)


def test_other_bytes_under_the_name(files, tmp_path):
    rng = random.Random(2)
    for path, options in files.items():
        for content in (
            b"hello",
            b"\x1f\x8b" + rng.randbytes(50),
            rng.randbytes(2000),
            gzip.compress(b"x" * 500),
            b"<a/>",
        ):
            (tmp_path / path.name).write_bytes(content)
            assert path.name in attempt(tmp_path / path.name, **options)


def header_that_says(content, shape, place=40):
    changed = bytearray(content)
    changed[place : place + 16] = struct.pack("<8h", len(shape), *shape, *([1] * (7 - len(shape))))
    return bytes(changed)


@pytest.mark.parametrize(
    "shape", [(32767, 32767, 32767, 32767), (-5, 6, 4, 6), (5, 6, 4, 0), (5, 6, 4, 30000), (600, 600, 600, 3)]
)
@pytest.mark.parametrize("computed", [False, True])
def test_a_header_that_promises_too_much(files, tmp_path, shape, computed):
    path = next(p for p in files if p.name == "a.nii")
    for name, content in [("a.nii", path.read_bytes()), ("a.nii.gz", path.read_bytes())]:
        changed = header_that_says(content, shape)
        (tmp_path / name).write_bytes(gzip.compress(changed) if name.endswith("gz") else changed)
        assert name in attempt(tmp_path / name, **({} if computed else files[path]))


def test_gifti_that_unfolds(tmp_path):
    bomb = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "x">' + "".join(
        f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
    )
    (tmp_path / "x.func.gii").write_text(bomb + "]><GIFTI><MetaData><MD><Name>&j;</Name></MD></MetaData></GIFTI>")
    assert "x.func.gii" in attempt(tmp_path / "x.func.gii")


def test_gifti_of_something_else(tmp_path):
    gifti = nibabel.gifti
    points = gifti.GiftiDataArray(np.zeros((5, 3), np.float32), intent="NIFTI_INTENT_POINTSET")
    triangles = gifti.GiftiDataArray(np.zeros((4, 3), np.int32), intent="NIFTI_INTENT_TRIANGLE")
    for arrays in ([points, triangles], [points], []):
        gifti.GiftiImage(darrays=arrays).to_filename(tmp_path / "mesh.gii")
        assert "no series" in attempt(tmp_path / "mesh.gii")


def test_names_that_lead_nowhere(tmp_path, files):
    (tmp_path / "folder.nii").mkdir()
    os.mkfifo(tmp_path / "pipe.nii")
    (tmp_path / "empty.nii.gz").touch()
    cases = {
        "none.nii": "there is no such file", "folder.nii": "is no file", "pipe.nii": "is no file",
        "empty.nii.gz": "is empty (0 bytes)", "x.mgz": "there is no such file", "none.npy": "there is no such file",
        "a\0b.nii": "", "n" * 300 + ".nii": "",
    }  # fmt: skip
    for name, said in cases.items():
        assert said in attempt(tmp_path / name)
    (tmp_path / "x.mgz").write_bytes(b"x")
    assert "is of no known kind" in attempt(tmp_path / "x.mgz")
    mask = next(iter(files.values()))["mask"]
    for read in (lambda p: read_space(p), lambda p: shared_mask([mask, p])):
        for name in ("none.nii", "folder.nii", "empty.nii.gz"):
            with pytest.raises(BoldError, match=name):
                read(tmp_path / name)


def test_sidecars_at_random(tmp_path):
    rng = random.Random(3)
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).normal(size=(5, 2)))
    write_sidecar(path, RepetitionTime=2.0, StartTime=1.0, SliceTiming=[0, 0.5, 1], SliceTimingCorrected=True)
    content = (tmp_path / "a.json").read_bytes()
    assert attempt(path) == ""
    refused = 0
    for _ in range(300):
        broken = bytearray(content)
        for _ in range(rng.choice([1, 3])):
            broken[rng.randrange(len(broken))] = rng.choice(b'0123456789.-e"[]{},:tfn\xff')
        (tmp_path / "a.json").write_bytes(broken)
        refused += attempt(path) != ""
    assert refused > 30
