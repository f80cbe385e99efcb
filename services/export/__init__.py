"""ExportService: recorded data as files."""
