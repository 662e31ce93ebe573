"""Where a reader stands, as JSON can hold it: what a snapshot keeps of the data."""

from typing import Any

Position = dict[str, Any]
