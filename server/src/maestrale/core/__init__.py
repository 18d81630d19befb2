"""The engine's rules, pure: no I/O, no clock, no randomness, no logging. ``decide`` is the way in."""
