"""Infrastructure shared by all processes: settings, identity, errors, interceptors, server lifecycle, Redis."""
