"""`python -m services.audit.ingest.workers.warm_up` compiles the loops over bytes ahead of the first start.

Compilation takes some seconds, once per machine and after each change to the loops.
"""

from services.audit.json_tape import kernels
from services.audit.privacy.rules import gate_places, prefilter

__all__ = ["gate_places", "kernels", "prefilter"]
