"""Maestrale: a lightweight workflow engine that speaks the Mistral v2 language and API."""
