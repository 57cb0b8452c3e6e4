"""``worldloom.build``: the command line's build with Python's arguments."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from worldloom import _native
from worldloom._progress import TextProgress

if TYPE_CHECKING:
    from worldloom._native import Dataset


def build(
    config: str | PathLike[str],
    out: str | PathLike[str],
    *,
    threads: int | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (the name of the command line's flag)
    overwrite: bool = False,
    progress: bool | Callable[[str, int, int], None] | None = None,
) -> Dataset:
    """Build a data set from a config.

    The same call goes on where an interrupted one stopped. Other Python threads run meanwhile; Ctrl-C stops
    the build at its next step, and what is done is kept.

    Parameters
    ----------
    config
        The ``build.toml``.
    out
        Folder of the data set to be; work is staged in its sibling ``OUT.staging``.
    threads
        Threads to use; all unless given. The bytes do not depend on it.
    set
        Keys of the config to override, e.g. ``{"sample.rate_hz": 10, "recording.0.channel": "front"}``.
    overwrite
        Replace the data set in `out`, in one step, when the new one is whole.
    progress
        ``False`` prints nothing; a function is called with the phase, the steps done and the steps there are,
        about ten times a second. Otherwise progress is printed to ``sys.stderr``: a bar on a terminal or in
        a notebook, a line a phase elsewhere.

    Returns
    -------
    The data set, opened.

    Raises
    ------
    ConfigError
        Where the config does not hold; ``location`` has the file and the line.
    ExistingFileError
        Where something lies at `out` and `overwrite` is false.
    KeyboardInterrupt
        On Ctrl-C.
    """
    overrides = [f"{key}={_toml(value)}" for key, value in (set or {}).items()]
    if callable(progress):
        built = _native.build(config, out, threads or 0, overrides, overwrite, progress)
    elif progress is False:
        built = _native.build(config, out, threads or 0, overrides, overwrite, None)
    else:
        text = TextProgress()
        try:
            built = _native.build(config, out, threads or 0, overrides, overwrite, text)
        finally:
            text.close()
    if built["left_out"]:
        reasons = "; ".join(built["quarantine"][:3])
        warnings.warn(f"{built['left_out']} records were left out, listed in {out}/README.md: {reasons}", stacklevel=2)
    return _native.open(out)


def _toml(value: Any) -> str:
    """Return a value as TOML: what JSON and TOML share, and inline tables."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, (bool, int, float, str)):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value), ensure_ascii=False)
