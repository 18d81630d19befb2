"""The schema's history, one file a revision under ``versions``; run by ``maestrale.store.migrate``."""
