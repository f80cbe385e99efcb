"""Behaviour: detects interactions and signs of frustration in rrweb events, and computes heatmaps of them."""
