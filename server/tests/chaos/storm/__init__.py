"""A program that kills servers and databases while executions run, and counts their effects from outside.

Knows the service by its command line, its API and what it does to others; imports nothing of it.
"""
