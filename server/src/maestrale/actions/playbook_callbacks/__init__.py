"""Callback plugins that ansible-core loads by path; never imported by the engine."""
