"""E-mail addresses in what others have written: found, and taken out before anything is signed.

1. Anything with an at-sign inside counts as one: rather a word too many than an address that stays for ever.
2. In texts a note takes its place. In short values, ids above all, a pseudonym does, one for each address, so that what
   points to somebody still does.
3. A pseudonym is a number. A hash would give the address away to whoever tries likely ones.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import count

GONE = "(e-mail address left out)"

# A word, with the marks that end one in prose, URLs and JSON left outside; what is quoted before an at-sign may hold
# blanks. Each character is looked at a bounded number of times.
_WORD = re.compile(
    r"""(?:"[^"\n]{0,64}"(?=[@%\uff20\ufe6b]))?"""
    r"""[^\s"`<>(),;:|/\\&?\u3001\u3002\uff08\uff09\uff0c\uff1a\uff1b\u300c\u300d]++"""
)
_AT = re.compile(r".(?:[@\uff20\ufe6b]|%40).", re.DOTALL)
_ENDS = ".!"


def left_out(text: str) -> str:
    """Return a text with a note in the place of every address."""
    return _WORD.sub(lambda found: _replaced(found.group(), {}), text)


def replaced(value: str, names: Mapping[str, str]) -> str:
    """Return a value with pseudonyms in the place of addresses; where there is none for it, with a note."""
    return _WORD.sub(lambda found: _replaced(found.group(), names), value)


def pseudonyms(values: Iterable[str]) -> Mapping[str, str]:
    """Return a pseudonym for every address in some values: equal for equal values, and none that is one of them."""
    listed = list(values)
    found = sorted({address for value in listed for word in _WORD.findall(value) if (address := _address(word))})
    taken = frozenset(listed)
    free = (name for number in count(1) if (name := f"someone-{number}") not in taken)
    return dict(zip(found, free, strict=False))


def _replaced(word: str, names: Mapping[str, str]) -> str:
    address = _address(word)
    return names.get(address, GONE) + word[len(address) :] if address else word


def _address(word: str) -> str:
    """Return the address that a word is, without what ends a sentence; "" where it is none."""
    return word.rstrip(_ENDS) if _AT.search(word.rstrip(_ENDS)) else ""
