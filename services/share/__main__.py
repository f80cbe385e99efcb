"""`python -m services.share`: runs ShareService until SIGTERM or SIGINT."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and collections take a tenth of their time; enabled once serving

from services.runtime import process
from services.share.app import serve

if __name__ == "__main__":
    sys.exit(process.main(serve, name="share"))
