"""Static pages: the console, the recorder's script and the demo shop, with their headers."""
