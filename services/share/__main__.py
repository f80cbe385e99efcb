"""`python -m services.share`: runs ShareService until SIGTERM or SIGINT."""

import sys

from services.runtime import process
from services.share.app import serve

if __name__ == "__main__":
    sys.exit(process.main(serve))
