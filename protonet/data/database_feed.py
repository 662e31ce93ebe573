"""Data: images and labels from an LMDB or LevelDB."""

from __future__ import annotations

from protonet.data.definition import Definition
from protonet.data.feed import Feed, feeds
from protonet.data.record_batches import KNOWN, DatumFeed
from protonet.data.shuffled_records import ShuffledFeed


@feeds
class DatabaseFeed(DatumFeed):
    """Images and labels from a database. Source: DataLayer."""

    type = "Data"
    known = KNOWN | {"shuffle"}  # Intel's

    @classmethod
    def of(cls, definition: Definition) -> Feed:
        shuffled = definition.layer.data_param.shuffle
        return ShuffledFeed(definition) if shuffled else cls(definition)
