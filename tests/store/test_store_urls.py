"""Behind URLs, where nothing can be renamed, a store is there complete or not at all, too."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray
from cloud import CREDENTIALS, forget_connections, s3_server
from fsspec.registry import _registry

import giblet.store
from giblet.errors import MissingExtraError, StoreError
from giblet.store import (
    StoreTakenError,
    StoreWriter,
    check_output,
    find_stores,
    is_store,
    open_dataset,
    publish,
    read_manifest,
    stored_key,
    verify,
)
from giblet.store.remote import Remote

PROJECT = Path(giblet.store.__file__).parents[2]
ODD = ["two words é", "new\nline", "a*", "[a]b?", "50%25 #1"]

KILLED = """
import os, signal, sys
from giblet.store import StoreWriter

with StoreWriter(sys.argv[1]) as store:
    store.put("codebook", ("codebook",), range(4))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def bucket():
    with s3_server("films") as url:
        yield url


@pytest.fixture
def memory(tmp_path):
    return f"memory://{tmp_path.name}"


@pytest.fixture(params=["memory", "s3"])
def base(request, tmp_path):
    """A folder of one test on each kind of file system."""
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


def write_dead(url: str, monkeypatch, process: str) -> str:
    """Leave what a writer leaves that is killed before it commits; return the folder."""
    with monkeypatch.context() as patch:
        patch.setattr("giblet.store.generation.this_process", lambda: process)
        store = StoreWriter(url)
        store.__enter__()
    store.put("codebook", ("codebook",), range(4))
    store._thread.shutdown()
    return store._draft.group


def mine() -> tuple[str, str]:
    from giblet.workfolder import this_process

    machine, rest = this_process().split("-", 1)
    return machine, rest


def ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_is_written_comes_back(base, write, codes):
    url = write(f"{base}/s", film="a.mp4")
    assert (is_store(url), stored_key(url), verify(url)) == (True, "k", [])
    dataset = open_dataset(url)
    np.testing.assert_array_equal(dataset["codes"], codes)
    assert (dataset.attrs["title"], dataset["codes"].attrs["rate"]) == ("a film", 75)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(dataset))["codes"], codes)
    manifest = read_manifest(url)
    assert manifest["provenance"] == {"film": "a.mp4"}
    plain = xarray.open_zarr(f"{url}/{manifest['group']}", consolidated=False, chunks=None)
    np.testing.assert_array_equal(plain["codes"], codes)
    with pytest.raises(StoreTakenError, match="--force"):
        write(url)


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt])
def test_nothing_is_there_before_the_manifest_nor_after_an_exception(memory, codes, reason):
    def give_up() -> None:
        with StoreWriter(f"{memory}/s") as store:
            store.create("x", ("codebook", "frame"), (4, 0), "int16", append_dim="frame", chunk=5).append(codes)
            assert Remote(f"{memory}/s").files()
            assert not is_store(f"{memory}/s")
            assert find_stores(memory) == {}
            raise reason

    with pytest.raises(reason):
        give_up()
    assert Remote(memory).files() == {}


def test_what_a_killed_writer_left_goes_when_the_next_one_comes(base, write, monkeypatch):
    url, (machine, rest) = f"{base}/s", mine()
    dead = write_dead(url, monkeypatch, f"{machine}-{ended()}-0")
    alive = write_dead(url, monkeypatch, f"{machine}-{rest}")
    elsewhere = write_dead(url, monkeypatch, "0" * 8 + "-1-0")
    assert not is_store(url)
    write(url)
    assert set(Remote(url).children()) == {"manifest.json", read_manifest(url)["group"], alive, elsewhere}
    assert dead not in Remote(url).children()
    # What others are writing is no damage.
    assert verify(url) == []
    monkeypatch.setattr("giblet.store.generation.OLD_AGE", -10.0)
    write(url, force=True)
    assert set(Remote(url).children()) == {"manifest.json", read_manifest(url)["group"], alive}


def test_kill_9_before_the_manifest(bucket, write):
    url = f"{bucket}/killed/s"
    run = subprocess.run([sys.executable, "-c", KILLED, url], cwd=PROJECT, check=False)
    assert run.returncode == -signal.SIGKILL
    assert Remote(url).files()
    assert not is_store(url)
    write(url)
    assert set(Remote(url).children()) == {"manifest.json", read_manifest(url)["group"]}
    assert verify(url) == []


def test_the_old_store_is_visible_until_the_new_one_is(base, write, codes):
    url = write(f"{base}/s")
    old = open_dataset(url)
    with StoreWriter(url, force=True) as store:
        store.create("codes", ("codebook", "frame"), (4, 0), "int16", append_dim="frame", chunk=50).append(codes + 1)
        store.put("codebook", ("codebook",), range(4))
        np.testing.assert_array_equal(open_dataset(url)["codes"], codes)
        store.commit({}, key="new")
    np.testing.assert_array_equal(open_dataset(url)["codes"], codes + 1)
    assert stored_key(url) == "new"
    assert set(Remote(url).children()) == {"manifest.json", read_manifest(url)["group"]}
    # Whoever still holds the old one gets an error, and neither zeros nor values of the new one.
    with pytest.raises(StoreError, match="replaced while it was read; open it again"):
        old["codes"].load()


def test_a_replacement_that_is_given_up_leaves_the_old_store(memory, write, codes):
    url = write(f"{memory}/s")
    before = Remote(url).files()

    def give_up() -> None:
        with StoreWriter(url, force=True) as store:
            store.create("x", ("codebook", "frame"), (4, 0), "int16", append_dim="frame", chunk=50).append(codes)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    assert Remote(url).files() == before
    np.testing.assert_array_equal(open_dataset(url)["codes"], codes)


def test_readers_see_one_store_or_the_other(base, write):
    url, seen, failed = write(f"{base}/s", np.zeros((4, 130), int)), [], []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(np.unique(open_dataset(url)["codes"].values).tolist())
            except StoreError as error:
                failed.append(error.problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 4):
        write(url, np.full((4, 130), number), force=True)
    stop.set()
    for reader in readers:
        reader.join()
    assert seen
    assert all(len(values) == 1 for values in seen)
    assert set(failed) <= {"was replaced while it was read"}


def test_of_two_writers_the_second_is_told(memory, write, codes):
    with StoreWriter(f"{memory}/s") as slow:
        slow.put("codebook", ("codebook",), range(4))
        write(f"{memory}/s")
        with pytest.raises(StoreTakenError):
            slow.commit({}, key="slow")
    assert stored_key(f"{memory}/s") == "k"
    assert set(Remote(f"{memory}/s").children()) == {"manifest.json", read_manifest(f"{memory}/s")["group"]}


def test_two_manifests_at_the_same_moment(base, write, monkeypatch):
    # Both look, see nothing, and then write: the service itself takes only one.
    with StoreWriter(f"{base}/s") as slow:
        slow.put("codebook", ("codebook",), range(4))
        write(f"{base}/s")
        monkeypatch.setattr("giblet.store.generation._refuse_unless_free", lambda *_: None)
        with pytest.raises(StoreTakenError):
            slow.commit({}, key="slow")
    assert (stored_key(f"{base}/s"), verify(f"{base}/s")) == ("k", [])


def test_damage_is_found(base, write, codes):
    url = write(f"{base}/s")
    remote, group = Remote(url), read_manifest(url)["group"]
    whole = remote.read_whole(f"{group}/codes/c/0/1")
    dataset = open_dataset(url)
    remote.write(f"{group}/codes/c/0/1", remote.read_whole(f"{group}/codes/c/0/0"))
    assert verify(url) == [f"{group}/codes/c/0/1"]
    with pytest.raises(StoreError, match="damaged"):
        dataset["codes"].load()
    remote.remove([f"{group}/codes/c/0/1"])
    with pytest.raises(StoreError, match="damaged"):
        dataset["codes"].load()
    with pytest.raises(StoreError, match="damaged"):
        open_dataset(url)
    remote.write(f"{group}/codes/c/0/1", whole)
    remote.write("notes.txt", b"mine")
    assert verify(url) == ["notes.txt"]
    with pytest.raises(StoreError, match=r"notes\.txt, which giblet did not write"):
        write(url, force=True)
    remote.remove(["notes.txt"])
    remote.write(f"{group}/codes/zarr.json", remote.read_whole(f"{group}/codes/zarr.json") + b" ")
    with pytest.raises(StoreError, match="damaged"):
        open_dataset(url)
    remote.write("manifest.json", b"{")
    assert not is_store(url)
    with pytest.raises(StoreError, match="never overwritten"):
        write(url, force=True)


def test_odd_names_are_names_and_no_patterns(base, write, codes):
    # The stand-in for S3 cannot route a line break.
    odd = [name for name in (*ODD, "ab") if not (base.startswith("s3") and "\n" in name)]
    for number, name in enumerate(odd):
        write(f"{base}/{name}", codes + number)
    assert list(find_stores(base)) == sorted(odd)
    write(f"{base}/a*", codes - 1, force=True)
    write(f"{base}/[a]b?", codes - 1, force=True)
    for number, name in enumerate(odd):
        shift = -1 if name in ("a*", "[a]b?") else number
        np.testing.assert_array_equal(open_dataset(f"{base}/{name}")["codes"], codes + shift)


def test_nothing_that_is_no_store_is_overwritten(memory, write):
    Remote(memory).write("s/talk.mp4", b"film")
    for force in (False, True):
        with pytest.raises(StoreError, match="never overwritten"):
            write(f"{memory}/s", force=force)
        with pytest.raises(StoreError, match="never overwritten"):
            check_output(f"{memory}/s", force)
    write(f"{memory}/t")
    with pytest.raises(StoreError, match="lies inside the store"):
        check_output(f"{memory}/t/deep/er")
    check_output(f"{memory}/new/s")
    assert not any(name.startswith("new") for name in Remote(memory).files())


def test_a_store_of_a_disk_goes_to_a_url(base, write, codes, tmp_path):
    local, url = write(tmp_path / "s", film="a.mp4"), f"{base}/s"
    publish(local, url, retold=lambda about: about | {"film": "b.mp4"})
    np.testing.assert_array_equal(open_dataset(url)["codes"], codes)
    assert (stored_key(url), verify(url)) == ("k", [])
    assert read_manifest(url)["provenance"] == {"film": "b.mp4"}
    with pytest.raises(StoreTakenError):
        publish(local, url)
    publish(local, url, force=True)
    assert read_manifest(url)["provenance"] == {"film": "a.mp4"}
    chunk = local / "codes" / "c" / "0" / "1"
    chunk.write_bytes(chunk.read_bytes()[::-1])
    with pytest.raises(StoreError, match="damaged"):
        publish(local, f"{base}/t")
    assert not Remote(f"{base}/t").files()


def test_copies_that_others_make_are_stores_too(memory, write, codes, tmp_path):
    local = write(tmp_path / "s")
    for file in local.rglob("*"):
        if file.is_file():
            Remote(f"{memory}/flat").write(file.relative_to(local).as_posix(), file.read_bytes())
    np.testing.assert_array_equal(open_dataset(f"{memory}/flat")["codes"], codes)
    write(f"{memory}/flat", codes + 1, force=True)
    assert set(Remote(f"{memory}/flat").children()) == {"manifest.json", read_manifest(f"{memory}/flat")["group"]}
    for name in Remote(f"{memory}/flat").files():
        (tmp_path / "down" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "down" / name).write_bytes(Remote(f"{memory}/flat").read_whole(name))
    np.testing.assert_array_equal(open_dataset(tmp_path / "down")["codes"], codes + 1)
    assert verify(tmp_path / "down") == []
    write(tmp_path / "down", force=True)
    np.testing.assert_array_equal(open_dataset(tmp_path / "down")["codes"], codes)


def test_a_file_url_is_a_path(tmp_path, write, codes):
    write(f"file://{tmp_path}/s p")
    np.testing.assert_array_equal(open_dataset(tmp_path / "s p")["codes"], codes)
    assert read_manifest(tmp_path / "s p")["format_version"] == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://no-such-bucket/s", "no such bucket"),
        ("s3://films/../s", "empty, . or .."),
        ("s3://films//s", "empty, . or .."),
        ("nonsense://films/s", "no such protocol"),
        ("gs://films/s", "gcsfs"),
        ("s3://me:secret@films/s", "holds a password"),
    ],
)
def test_urls_that_cannot_be_used_are_explained(bucket, url, said):
    for ask in (read_manifest, check_output, lambda url: StoreWriter(url).__enter__()):
        with pytest.raises(StoreError) as caught:
            ask(url)
        assert said in str(caught.value)
        assert "secret" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.delitem(_registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match=r"giblet\[cloud\]"):
        read_manifest("s3://films/s")


@pytest.mark.parametrize("answer", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "SlowDown"])
def test_refusals_are_one_sentence_without_secrets(bucket, monkeypatch, answer):
    from botocore.exceptions import ClientError
    from s3fs import S3FileSystem
    from s3fs.errors import translate_boto_error

    async def refuse(self, *args, **kwargs):
        said = {"Error": {"Code": answer, "Message": "no"}}
        raise translate_boto_error(ClientError(said, "GetObject"))

    monkeypatch.setattr(S3FileSystem, "_call_s3", refuse)
    for ask in (read_manifest, check_output):
        with pytest.raises(StoreError, match=r"credentials|the service refuses \(no\)") as caught:
            ask("s3://films/s")
        assert "\n" not in str(caught.value)


def test_no_network_and_no_credentials_are_explained(bucket, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        forget_connections()
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            read_manifest("s3://films/s")
        assert not any(secret in str(caught.value) for secret in CREDENTIALS.values())
    with monkeypatch.context() as patch:
        for name in CREDENTIALS:
            patch.delenv(name)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        forget_connections()
        with pytest.raises(StoreError, match="no credentials"):
            read_manifest("s3://films/s")
    forget_connections()


def test_stores_are_listed_without_being_opened(base, write, tmp_path, monkeypatch):
    write(f"{base}/deep/er/a")
    write(f"{base}/b")
    Remote(base).write("rubbish/x.txt", b"x")
    Remote(base).write("half/zarr.json", b"{}")
    write_dead(f"{base}/begun", monkeypatch, "-".join(mine()))
    assert list(find_stores(base)) == ["b", "deep/er/a"]
    assert list(find_stores(f"{base}/b")) == ["b"]
    local = tmp_path / "study"
    (local / "deep" / "er").mkdir(parents=True)
    write(local / "b")
    shutil.copytree(local / "b", local / "deep" / "er" / "a")
    shutil.copytree(local / "b", local / ".b.partial")
    (local / "half").mkdir()
    (local / "half" / "zarr.json").touch()
    (local / "loop").symlink_to(local)
    assert list(find_stores(local)) == ["b", "deep/er/a"]
    assert list(find_stores(local / "b")) == ["b"]
