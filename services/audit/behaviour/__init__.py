"""Behaviour: interactions and signs of frustration out of rrweb events, and heatmaps of them."""
