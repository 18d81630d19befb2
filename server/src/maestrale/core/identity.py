"""Identities derived from what they identify, so that deciding twice gives the same rows."""

from __future__ import annotations

import hashlib


def derive(owner: str, kind: str, number: int | str) -> str:
    """A UUID text (version 8) that is a function of its arguments.

    ``owner`` is the id of the execution (or task) that the new thing belongs to, ``number`` unique for the kind.
    """
    digest = hashlib.blake2b(f"{owner}\0{kind}\0{number}".encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{'89ab'[int(digest[16], 16) & 3]}{digest[17:20]}-{digest[20:]}"
