"""How a command says that it could not do what it was asked."""


class CommandFailed(Exception):
    """A command could not do what it was asked; the text is for the one who asked."""
