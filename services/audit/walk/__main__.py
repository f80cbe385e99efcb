"""`python -m services.audit.walk` compiles the loops over bytes, so that the first start does not have to.

That takes some seconds, once on a machine and after each change of them.
"""

from services.audit.privacy import signs
from services.audit.walk import compiled

__all__ = ["compiled", "signs"]
