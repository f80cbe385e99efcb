"""Turns recordings into videos, pictures and reports, in a headless browser of their own."""
