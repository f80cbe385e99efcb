"""Replay: stored chunks in order, joined with live ones, limited to the part that a viewer may see."""
