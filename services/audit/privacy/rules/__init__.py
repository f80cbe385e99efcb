"""Rules that detect personal data in strings, and the prefilter that avoids most of their cost."""
