"""The exceptions of worldloom. The native module raises these, and nothing but these, for what goes wrong in data."""

from __future__ import annotations

from typing import NamedTuple


class Location(NamedTuple):
    """A place in the user's data."""

    source: str
    """The file or folder."""
    record: int | None
    """The record, counted from 0."""
    line: int | None
    """The line, counted from 1."""
    byte: int | None
    """The byte offset, counted from 0."""


class WorldloomError(Exception):
    """Base of all errors of worldloom.

    Attributes
    ----------
    location : Location or None
        Where in the user's data.
    hint : str or None
        One sentence on what to do, where one is known.
    """

    location: Location | None
    hint: str | None

    def __init__(self, message: str, location: Location | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[WorldloomError], tuple[str, Location | None, str | None]]:
        return type(self), (self.message, self.location, self.hint)


class ConfigError(WorldloomError, ValueError):
    """A config or an argument asks for something impossible."""


class FormatError(WorldloomError, ValueError):
    """A file is not what its format asks for."""


class LimitError(FormatError):
    """A file claims more than a reader accepts from untrusted input."""


class UnsupportedError(WorldloomError):
    """A valid input of a kind that is not supported."""


class DamagedError(WorldloomError):
    """The files of a data set contradict each other or their checksums."""


class UnknownNameError(WorldloomError, KeyError):
    """Nothing of this name is there: a sample, a frame, a recording, a layer, a channel."""


class MissingFileError(WorldloomError, FileNotFoundError):
    """A file or folder does not exist."""


class ExistingFileError(WorldloomError, FileExistsError):
    """The target exists and may not be replaced."""


class FileAccessError(WorldloomError, OSError):
    """The operating system refused to read, write, rename or create."""
