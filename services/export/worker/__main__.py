"""`python -m services.export.worker`: makes the files of exports until SIGTERM or SIGINT."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled once working

from services.runtime import process  # first: its log keeps rich out of structlog

# isort: split
from services.export.app import explain
from services.export.worker.app import work

if __name__ == "__main__":
    sys.exit(process.main(work, explain, name="export"))
