"""What can go wrong on the board."""


class WantedError(Exception):
    """Base of the package's errors.

    Args:
        message: What happened, one sentence.
        hint: What the user can do about it, or "".
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class WrongStatus(WantedError):
    """The item's status does not allow it."""


class NotYours(WantedError):
    """Only the item's home, or its holder, may do it."""


class Taken(WantedError):
    """Somebody else holds the item."""


class BadItem(WantedError):
    """What was given cannot be posted or judged."""


class BundleError(WantedError):
    """A sheet that does not verify.

    Args:
        reason: A slug, such as `signature` or `stamp.accept`.
    """

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason
