"""Data: records of an LMDB or LevelDB, in their order or shuffled."""

from __future__ import annotations

from protonet.data.database_feed import DatabaseFeed
from protonet.data.definition import Definition
from protonet.data.feed import Feed, feeds
from protonet.data.shuffled_records import ShuffledFeed


@feeds
class DataFeed(Feed):
    """The feed of a Data layer in the form that its fields ask for."""

    type = "Data"

    @classmethod
    def of(cls, definition: Definition) -> Feed:
        form = ShuffledFeed if definition.layer.data_param.shuffle else DatabaseFeed
        return form(definition)
