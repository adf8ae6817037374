"""Counts, as people say them."""


def counted(count: int, thing: str, things: str = "") -> str:
    """Say how many of a thing there are: `1 log`, `2 logs`.

    Args:
        things: The plural, where it is not the thing with an s.
    """
    number = f"{count:,}".replace(",", " ")
    return f"{number} {thing if count == 1 else things or f'{thing}s'}"
