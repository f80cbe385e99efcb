"""Replay: stored chunks in order, joined with live ones, within what a viewer may see."""
