"""Stores to containers and back, without any model."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import giblet
from giblet.data import extract, reconstruct
from giblet.errors import CodecError, GibletError, MediaError, StoreError
from giblet.formats import from_blocks, open_container
from giblet.formats.bits import pack
from giblet.transcoding import codes_to_sound, codes_to_store, sound_to_codes, store_to_codes


@pytest.mark.parametrize("ending", [".ecdc", ".nac", ".txt"])
@pytest.mark.parametrize("name", ["encodec_24khz", "encodec_48khz"])
def test_a_store_gives_the_container_that_its_film_gives(codecs, sound, tmp_path, name, ending):
    source = sound(3.2, 44_100, 2)
    extract(source, tmp_path / "store", codec=codecs[name], bandwidth=6.0)
    store_to_codes(tmp_path / "store", tmp_path / f"x{ending}")
    sound_to_codes(source, tmp_path / f"direct{ending}", codecs[name], 6.0)
    assert (tmp_path / f"x{ending}").read_bytes() == (tmp_path / f"direct{ending}").read_bytes()
    codes_to_store(tmp_path / f"x{ending}", tmp_path / "again")
    store_to_codes(tmp_path / "again", tmp_path / f"again{ending}")
    assert (tmp_path / f"x{ending}").read_bytes() == (tmp_path / f"again{ending}").read_bytes()
    store, again = giblet.open_store(tmp_path / "store"), giblet.open_store(tmp_path / "again")
    np.testing.assert_array_equal(store.tr_view(tr=1.0), again.tr_view(tr=1.0))
    assert store.segments == again.segments


def test_fewer_codebooks_of_a_store(codecs, sound, tmp_path):
    extract(sound(2.0), tmp_path / "store", codec=codecs["encodec_24khz"], bandwidth=6.0)
    store_to_codes(tmp_path / "store", tmp_path / "x.nac", 1.5)
    codes, _ = from_blocks(open_container(tmp_path / "x.nac").blocks())
    np.testing.assert_array_equal(codes, giblet.open_store(tmp_path / "store").codes(1.5).data)
    with pytest.raises(CodecError, match=r"holds no 12 kbps .* choose one of 1.5, 3, 6"):
        store_to_codes(tmp_path / "store", tmp_path / "y.nac", 12.0)


def test_a_store_that_ends_before_its_film(codecs, sound, tmp_path):
    codec = codecs["encodec_48khz"]
    extract(sound(5.0, 48_000, 2), tmp_path / "store", codec=codec, bandwidth=3.0, max_trs=2)
    done = store_to_codes(tmp_path / "store", tmp_path / "x.ecdc")
    codes, segments = from_blocks(open_container(tmp_path / "x.ecdc").blocks())
    assert [frames for frames, _ in segments] == [150, 150, 150, 149]
    np.testing.assert_array_equal(codes, giblet.open_store(tmp_path / "store").codes().data[:, :-1])
    # Nothing of the two TRs is lost.
    assert done.header.length == 4 * 47_520 > 2 * 1.5 * 48_000
    assert codes_to_sound(tmp_path / "x.ecdc", tmp_path / "x.wav", codec).seconds == pytest.approx(3.96)


def test_latents_need_the_codec(codecs, models, sound, tmp_path):
    sound_to_codes(sound(2.0), tmp_path / "x.nac", codecs["speech"], 2.0)
    codes_to_store(tmp_path / "x.nac", tmp_path / "plain")
    codes_to_store(tmp_path / "x.nac", tmp_path / "full", codec=models / "speech")
    with pytest.raises(StoreError, match="holds no code vectors"):
        giblet.open_store(tmp_path / "plain").latents()
    assert giblet.open_store(tmp_path / "full").latents().shape == (100, 16)
    with pytest.raises(CodecError, match="made by speech"):
        codes_to_store(tmp_path / "x.nac", tmp_path / "other", codec="tiny")
    assert not (tmp_path / "other").exists()


def test_reconstructing_such_a_store_asks_for_its_codec(codecs, models, sound, tmp_path):
    sound_to_codes(sound(2.0), tmp_path / "x.nac", codecs["speech"], 2.0)
    codes_to_store(tmp_path / "x.nac", tmp_path / "store")
    with pytest.raises(CodecError, match="give it with --codec"):
        reconstruct(tmp_path / "store", tmp_path / "x.wav")
    with pytest.raises(CodecError, match="made by speech"):
        reconstruct(tmp_path / "store", tmp_path / "x.wav", codec="tiny")
    codes_to_sound(tmp_path / "x.nac", tmp_path / "direct.wav", models / "speech")
    reconstruct(tmp_path / "store", tmp_path / "x.wav", codec=models / "speech")
    assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "direct.wav").read_bytes()


def test_metas_containers_tell_no_weights(codecs, models, hub, sound, tmp_path):
    sound_to_codes(sound(2.0), tmp_path / "x.ecdc", codecs["encodec_24khz"], 3.0)
    codes_to_store(tmp_path / "x.ecdc", tmp_path / "store")
    with pytest.raises(CodecError, match="made by facebook/encodec_24khz, and not by tiny"):
        reconstruct(tmp_path / "store", tmp_path / "x.wav", codec="tiny")
    assert reconstruct(tmp_path / "store", tmp_path / "x.wav").seconds == 2.0


def test_an_original_nac_file_becomes_a_store(tmp_path):
    codes = np.random.default_rng(0).integers(0, 1024, 6 * 150)
    (tmp_path / "x.nac").write_bytes(b"NAC\0\0\0\0\x04\x03null" + pack(codes, 10))
    codes_to_store(tmp_path / "x.nac", tmp_path / "store")
    store = giblet.open_store(tmp_path / "store")
    assert store.codes().data.shape == (6, 150)
    assert store.provenance["codec"]["name"] == "neural_audio_codec"


def test_a_clip_shorter_than_a_tr_is_kept(codecs, sound, tmp_path):
    sound_to_codes(sound(0.5), tmp_path / "x.nac", codecs["speech"], 1.0)
    codes_to_store(tmp_path / "x.nac", tmp_path / "store")
    store = giblet.open_store(tmp_path / "store")
    assert store.codes().data.shape == (2, 25)
    assert store.tr_view(tr=0.2).shape == (2, 2, 10)


def test_what_is_there_stays(codecs, sound, tmp_path):
    sound_to_codes(sound(0.5), tmp_path / "x.nac", codecs["speech"], 1.0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(GibletError):
        codes_to_store(tmp_path / "x.nac", tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"
    codes_to_store(tmp_path / "x.nac", tmp_path / "store")
    with pytest.raises(StoreError):
        codes_to_store(tmp_path / "x.nac", tmp_path / "store")
    with pytest.raises((StoreError, MediaError)):
        store_to_codes(tmp_path / "store", tmp_path / "store" / "x.nac")


def test_no_model_is_loaded(codecs, sound, tmp_path):
    sound_to_codes(sound(2.0), tmp_path / "a.ecdc", codecs["encodec_24khz"], 3.0)
    code = (
        "import sys\nfrom giblet.transcoding import *\n"
        "codes_to_codes('a.ecdc', 'b.nac'); codes_to_store('b.nac', 'c'); store_to_codes('c', 'd.ecdc')\n"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "set()\n"
    assert (tmp_path / "a.ecdc").read_bytes() == (tmp_path / "d.ecdc").read_bytes()
