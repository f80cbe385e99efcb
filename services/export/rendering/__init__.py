"""Turns recordings into videos and pictures, in a headless browser of their own."""
