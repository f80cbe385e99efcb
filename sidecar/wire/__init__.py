"""Wire formats: methods, frames, bodies, close codes and HTTP errors."""
