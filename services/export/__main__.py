"""`python -m services.export`: runs ExportService until SIGTERM or SIGINT."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled once serving

from services.runtime import process  # first: its log keeps rich out of structlog

# isort: split
from services.export.app import explain, serve

if __name__ == "__main__":
    sys.exit(process.main(serve, explain, name="export"))
