"""Batches as torch tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from worldloom._native import Loader


class TorchLoader:
    """A loader whose arrays are torch tensors, made without a copy.

    Parameters
    ----------
    loader
        The loader to take batches from; its position is this one's.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        return {name: _tensors(value) for name, value in next(self.loader).items()}

    def __len__(self) -> int:
        return len(self.loader)

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader stands."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another loader of the same samples stood."""
        self.loader.load_state_dict(state)


def _tensors(value: Any) -> Any:
    """Return arrays as tensors, also inside a dict; the rest as it is."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {name: _tensors(inner) for name, inner in value.items()}
    return value
