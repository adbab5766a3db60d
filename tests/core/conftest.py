"""Makes the helpers of these tests importable, and hypothesis patient: a busy machine is no failure."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.append(str(Path(__file__).parent / "helpers"))
settings.register_profile("core", deadline=None, print_blob=True)
settings.load_profile("core")
