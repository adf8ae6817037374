"""What somebody typed, held against what can be signed: said as their slip, with the way on.

The floors below judge strangers' lines and say what is wrong with those in slugs; whoever typed it wants a sentence.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from beads import ids
from beads.errors import InvalidGenesis, InvalidLine
from beads.genesis import NAME_LENGTH
from beads.ops.profile import HANDLE_LENGTH
from beads.rules import one_line
from node.errors import Usage
from stamps.errors import CanonError

DIMENSION_LENGTH = 40
ADDRESS_LENGTH = 2000
_TOO_LONG = ("body_too_long", "line_too_long")
_SHORTEN = "Shorten it, or say where the rest is: an address, a file in a repository."


@contextmanager
def sayable() -> Iterator[None]:
    """Sign what was typed.

    Raises:
        Usage: It cannot be signed: it breaks its type, is too long, or no text.
    """
    try:
        yield
    except InvalidLine as error:
        if error.reason in _TOO_LONG:
            raise Usage(f"that is too long to be signed: {_detail(error)}", _SHORTEN) from None
        if error.reason != "payload":
            raise
        # After the reason stands the operation's type.
        raise Usage(f"that cannot be said here: {_detail(error).partition(': ')[2]}", "--help says what can.") from None
    except InvalidGenesis as error:
        raise Usage(str(error).removeprefix("not a genesis: "), "--help says what can be given.") from None
    except CanonError as error:
        if "surrogate" not in str(error):
            raise
        raise Usage("a text is not UTF-8", "Write it, or save the file, as UTF-8.") from None


def _detail(error: InvalidLine) -> str:
    return str(error).removeprefix(f"{error.reason}: ")


def check_handle(handle: str) -> None:
    """Hold the name of a person against what a name can be.

    Raises:
        Usage: It is none.
    """
    if not one_line(handle, HANDLE_LENGTH):
        raise Usage(f"a name is one line of 1 to {HANDLE_LENGTH} characters", "As in ann, or Ann Lee.")


def check_name(name: str) -> None:
    """Hold the name of a commons against what one can be.

    Raises:
        Usage: It is none.
    """
    if not one_line(name, NAME_LENGTH):
        raise Usage(f"the name of a commons is one line of 1 to {NAME_LENGTH} characters", 'As in "Our Commons".')


def check_addresses(addresses: Iterable[str]) -> None:
    """Hold where work can be seen against what evidence can hold.

    Raises:
        Usage: One is empty, too long, or several lines.
    """
    for each in addresses:
        if not each.strip() or not one_line(each, ADDRESS_LENGTH):
            hint = "As in https://example.org/the-fix; words go with --summary."
            raise Usage(f"an address is one line of 1 to {ADDRESS_LENGTH} characters, not {each[:40]!r}", hint)


def check_dimensions(dimensions: Iterable[str]) -> None:
    """Hold what is to be judged by against what a dimension can be called.

    Raises:
        Usage: One cannot be called so.
    """
    for each in dimensions:
        if not ids.is_name(each) or len(each) > DIMENSION_LENGTH:
            hint = f"Small letters, digits and _, a letter first, up to {DIMENSION_LENGTH}: clear_words"
            raise Usage(f"{each!r} is no dimension", hint)
