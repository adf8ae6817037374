"""What fuzzing shares: the corpus, and how its files are changed."""

from functools import cache
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"


@cache
def corpus(target: str) -> dict[str, bytes]:
    """Return the files of one reader by name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / target).iterdir())}


@st.composite
def changed(draw: st.DrawFn, target: str) -> bytes:
    """Draw a file of the corpus, cut, spliced with another, or with some bytes changed."""
    files = st.sampled_from(sorted(corpus(target)))
    raw = bytearray(corpus(target)[draw(files)])
    if draw(st.booleans()):
        other = corpus(target)[draw(files)]
        raw[draw(_at(raw)) :] = other[draw(_at(other)) :]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(_at(raw))
        raw[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4) | st.sampled_from(_ODD))
    return bytes(raw)


_ODD = (b"\0", b"\n", b"\r\n", b" ", b"\xff" * 4, b"\x7f\xff\xff\xff", b"0000", b"{", b"]", b'"', b"\\u0000", b"e9")


def _at(raw: bytes | bytearray) -> st.SearchStrategy[int]:
    return st.integers(0, len(raw))
