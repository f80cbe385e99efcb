"""What every process needs: settings, identity, errors, interceptors, server lifecycle, Redis."""
