"""The two engines behind one interface: chDB in this process, or a ClickHouse server."""
