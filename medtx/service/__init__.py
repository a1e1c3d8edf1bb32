"""An endpoint on loopback that speaks the protocols of Transcribe Medical, Comprehend Medical and S3.

Behind it is the embedded engine, or results that were recorded. It is for tests, for teaching and for
trying programs offline; where it differs from the service is told in ``docs/serve.md``.
"""

from medtx.service.faults import CHARACTERS, RATES, Faults, Quotas
from medtx.service.server import Endpoint, running

__all__ = ["CHARACTERS", "RATES", "Endpoint", "Faults", "Quotas", "running"]
