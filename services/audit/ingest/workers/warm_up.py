"""`python -m services.audit.ingest.workers.warm_up` compiles the loops over bytes, so that the first start does not.

That takes some seconds, once on a machine and after each change of them.
"""

from services.audit.json_tape import kernels
from services.audit.privacy.rules import prefilter

__all__ = ["kernels", "prefilter"]
