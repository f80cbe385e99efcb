"""`python -m services.export`: runs ExportService until SIGTERM or SIGINT."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled once serving

from services.export.app import explain, serve
from services.runtime import process

if __name__ == "__main__":
    sys.exit(process.main(serve, explain, name="export"))
