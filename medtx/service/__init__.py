"""An endpoint on loopback that speaks the protocols of Transcribe Medical, Comprehend Medical and S3.

Behind it is the embedded engine, or results that were recorded. It is for tests, for teaching and for
trying programs offline; where it differs from the service is told in ``docs/serve.md``.
"""

from medtx.errors import optional

for _module in ("hypercorn", "botocore", "cryptography"):  # before anything here imports them
    optional(_module, "serve")

from medtx.service.engines import Embedded  # noqa: E402
from medtx.service.faults import CHARACTERS, RATES, Faults, Quotas  # noqa: E402
from medtx.service.recorded import Recorded  # noqa: E402
from medtx.service.server import Endpoint, running  # noqa: E402

__all__ = ["CHARACTERS", "RATES", "Embedded", "Endpoint", "Faults", "Quotas", "Recorded", "running"]
