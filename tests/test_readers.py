"""What is read of a user's disk, and what the disk refuses: lines, never tracebacks."""

import errno
import io
import os
import resource
import zipfile

import numpy as np
import pytest

from selfme_jax import files
from selfme_jax.files import seal
from selfme_jax.types import UserError

FIX = "Mend it."


def refused(call, *names):
    with pytest.raises(UserError) as caught:
        call()
    text = str(caught.value)
    assert len(text.splitlines()) == 2 and len(text) < 700
    for name in names:
        assert name in text, text


def npy(array, **options):
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def npz(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


JSON = {
    "empty": (b"", "Expecting value"),
    "cut": (b'{"a": [1,', "Expecting"),
    "a list": (b"[]", "holds a list, no dict"),
    "null": (b"null", "NoneType"),
    "nested": (b'{"a":' * 100_000, "nested too deeply"),
    "digits": (b'{"a": ' + b"9" * 5000 + b"}", "4300"),
    "latin-1": ('{"a": "\xe9"}'.encode("latin-1"), "utf-8"),
    "binary": (b"\x80\x04\x95\x00", "utf-8"),
    "a line": (b'{"a": "\n\x1b[31m"}', "control character"),
}


@pytest.mark.parametrize("case", JSON)
def test_json(tmp_path, case):
    content, named = JSON[case]
    path = tmp_path / "config.json"
    path.write_bytes(content)
    refused(lambda: files.read_json(path, FIX), str(path), named, FIX)


def test_text_and_tables_come_back(tmp_path):
    path = tmp_path / "a"
    path.write_text('\ufeff{"a": ["é", 1]}')
    assert files.read_json(path, FIX) == {"a": ["é", 1]}
    path.write_text('a,"b,c"\n1,2\n')
    assert files.read_csv(path, FIX) == [["a", "b,c"], ["1", "2"]]
    for content in ("", 'a,"b\n', '"a"b,c\n', "a" * 200_000):
        path.write_text(content)
        refused(lambda: files.read_csv(path, FIX), str(path))


def test_special_files(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")  # opened, it would wait for ever
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    places = {
        tmp_path / "folder": "it is a folder",
        tmp_path / "pipe": "pipe",
        "/dev/zero": "device",
        tmp_path / "none": "No such file",
        tmp_path / "loop": "Too many levels",
        tmp_path / "nul\0": "null",
        tmp_path / ("n" * 300): "too long",
        tmp_path / "li\nne": "li?ne",
    }
    for place, named in places.items():
        for read in (files.read_json, files.read_npz, files.read_csv):
            refused(lambda read=read, place=place: read(place, FIX), named)
        refused(lambda place=place: files.read_array(place), named)


def test_unbounded_content(tmp_path):
    (tmp_path / "big").write_bytes(b"1" * 2**21)
    refused(lambda: files.read_bytes(tmp_path / "big", FIX, most=2**20), "1 MiB")


@pytest.fixture
def array(tmp_path):
    """A sealed array: its path, what it holds, and what it was made from."""
    path = files.path(tmp_path / "flow.npy")
    values = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    depends = {"config": {"motion": {"init": "x"}}, "samples": "9" * 64}
    files.write_array(path, values, depends)
    return path, values, depends


def test_a_sealed_array_is_an_array_for_everybody(array):
    path, values, depends = array
    np.testing.assert_array_equal(np.load(path), values)
    np.testing.assert_array_equal(np.load(path, mmap_mode="r"), values)
    options = {"depends": depends, "shape": (None, 3, 4), "dtype": np.float32}
    np.testing.assert_array_equal(files.read_array(path, **options), values)


def test_arrays_of_any_layout_are_sealed(tmp_path):
    path = files.path(tmp_path / "a.npy")
    for values in (
        np.float32(3),
        np.zeros((0, 4)),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(12)[::-2],
        np.array([True, False]),
    ):
        files.write_array(path, values)
        np.testing.assert_array_equal(files.read_array(path), values)


def test_arrays_of_something_else(array):
    path, *_ = array
    other = {"config": {"motion": {"init": "y"}}, "samples": "9" * 64}
    refused(
        lambda: files.read_array(path, depends=other),
        "flow.npy was made from something else (config.motion.init: x -> y)",
    )
    refused(lambda: files.read_array(path, depends={}), "samples: 99", "(absent)")
    refused(lambda: files.read_array(path, shape=(2, 3, 5)), "(2, 3, 4), not (2, 3, 5)")
    refused(lambda: files.read_array(path, shape=(None, 3)), "(2, 3, 4), not (any, 3)")
    refused(lambda: files.read_array(path, dtype=np.float64), "float32, not float64")


def test_every_flipped_bit_of_an_array_is_found(array):
    path, _, depends = array
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            found = files.read_array(path, depends=depends)
        except UserError:
            continue
        # Only of what says nothing, such as the spaces of a header.
        np.testing.assert_array_equal(found, array[1])
        assert place < 128 or whole[place : place + 1].isspace(), place


HEADER = "{'descr': %s, 'fortran_order': False, 'shape': %s, }"


def header(descr, shape):
    text = (HEADER % (descr, shape)).encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


ARRAYS = {
    "empty": (b"", "magic"),
    "text": (b"hello, this is text", "magic"),
    "cut header": (npy(np.arange(3))[:40], "EOF"),
    "cut": (npy(np.arange(300))[:-8], "cut off"),
    "pickle": (npy(np.array([{}], object), allow_pickle=True), "pickle"),
    "a claim": (header("'<f8'", f"({10**12}, 8)"), "cut off"),
    "negative": (header("'<f8'", "(-5,)"), "cut off"),
    "no shape": (header("'<f8'", "'a'"), "shape"),
    "no type": (header("'nonsense'", "(1,)"), "descr"),
    "no literal": (header("__import__('os')", "(1,)"), ""),
    "version": (b"\x93NUMPY\x07\x00" + bytes(200), "version"),
    "no seal": (npy(np.arange(3)), "no seal"),
    "a torn seal": (npy(np.arange(3)) + b'{"sha256"', "Expecting"),
    "another seal": (npy(np.arange(3)) + b'{"sha256": 3}', "no seal"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_none(tmp_path, case):
    content, named = ARRAYS[case]
    (tmp_path / "a.npy").write_bytes(content)
    refused(lambda: files.read_array(tmp_path / "a.npy"), "a.npy", named)


ARCHIVES = {
    "empty": (b"", "not a zip file"),
    "cut": (npz(a=npy(np.arange(300)))[:-60], "zip"),
    "nothing": (npz(), "no arrays"),
    "strings": (npz(a=npy(np.array(["x"]))), "no numbers"),
    "pickle": (npz(a=npy(np.array([{}], object), allow_pickle=True)), "pickle"),
    "no array": (npz(a=b"text"), "magic"),
    "a claim": (npz(a=header("'<f8'", f"({10**12}, 8)")), "cut off"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_that_are_none(tmp_path, case):
    content, named = ARCHIVES[case]
    (tmp_path / "w.npz").write_bytes(content)
    refused(lambda: files.read_npz(tmp_path / "w.npz", FIX), "w.npz", named, FIX)


def test_archives_come_back(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b/c": np.int8(3)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "w.npz", **arrays)
        found = files.read_npz(tmp_path / "w.npz", FIX)
        assert found.keys() == arrays.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(found[name], values)
    refused(lambda: files.read_npz(tmp_path / "w.npz", FIX, most=100), "more than")


def test_an_interruption_while_reading_is_no_damage():
    """SIGTERM and ctrl-C arrive as exceptions of their own."""

    class PreemptedError(Exception):
        pass

    for kind in (PreemptedError, KeyboardInterrupt, UserError):
        with pytest.raises(kind, match="stop"), files.reading("a", FIX):
            raise kind("stop")


def test_seals_know_arrays_by_shape_and_type():
    arrays = [
        np.zeros(4, np.float32),
        np.zeros(4, np.int32),
        np.zeros((2, 2), np.float32),
    ]
    assert len({seal.sha256(array) for array in arrays}) == 3
    with pytest.raises(ValueError, match="the first is b"):
        seal.verify({"a": "0"}, {"a": arrays[0], "b": arrays[1]})


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "Make room"),
        (errno.EROFS, "can be written"),
        (errno.EACCES, "writable"),
        (errno.EISDIR, "move it away"),
        (errno.ENOTDIR, "move it away"),
    ],
)
def test_what_the_disk_refuses(number, remedy):
    def call():
        with files.guard():
            raise OSError(number, os.strerror(number), "/place/file")

    refused(call, "/place/file", os.strerror(number), remedy)


def test_what_the_disk_refuses_is_found_behind_other_errors():
    def call():
        with files.guard():
            try:
                raise OSError(errno.ENOSPC, "No space", "/place/file")
            except OSError as error:
                raise RuntimeError("checkpoint not written") from error

    refused(call, "/place/file", "No space left")

    def said():
        with files.guard():
            raise ValueError(
                'UNKNOWN: Error writing "/place/d/1a": [OS error 28: No space left]'
            )

    refused(said, "/place/d/1a", "No space left")

    def nameless():
        with files.guard("/runs/a"):
            raise OSError(errno.ENOSPC, "No space")

    refused(nameless, "/runs/a: No space left")


@pytest.mark.parametrize(
    "error",
    [ValueError("a bug"), BrokenPipeError(errno.EPIPE, "closed"), KeyError("errno 28")],
)
def test_other_errors_pass_the_guard(error):
    with pytest.raises(type(error)) as caught, files.guard():
        raise error
    assert caught.value is error


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path):
    path = files.path(tmp_path / "a.npy")
    files.write_array(path, np.arange(3))
    before = path.read_bytes()

    def limited():
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, old[1]))
        try:
            with files.guard():
                files.write_array(path, np.zeros(2**16))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)

    refused(limited, "a.npy", "File too large")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]
