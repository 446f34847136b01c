"""The exception tree. Every message says what, where, found, expected, and what to do."""


class LinkError(Exception):
    """The root: an image that cannot be linked as asked. A command prints it and exits with status 1."""


class UsageError(LinkError):
    """The request itself is off (unknown target, contradicting options). A command exits with status 2."""
