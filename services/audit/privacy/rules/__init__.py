"""Rules that detect personal data in strings, and the prefilter that makes them cheap."""
