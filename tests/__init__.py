"""The tests: each is a claim, and its name the sentence."""

PATIENCE = 300.0
"""Seconds after which a test gives up waiting. A safety net, and no claim about a duration: all
that waits for an event waits so long, as the machine may be busy with something else.
"""
