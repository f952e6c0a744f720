"""The channels: one module each, all behind `port.Channel`, opened by `open_channel`."""

from services.notifier.channels.open import Surroundings, open_channel

__all__ = ["Surroundings", "open_channel"]
