"""What the test vectors of ``docs/formats/values.md`` speak of."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import pathlib
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from typing import Any, NamedTuple

from sage_kernel_api.storage.state_classes import state_class_of
from sage_kernel_api.storage.value_codec import ValueCodec

__all__ = ["CODEC", "NAMES", "Color", "Order", "Point"]


class Color(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Order:
    item: str
    count: int = 1

    def __post_init__(self) -> None:
        assert self.count >= 0


CODEC = ValueCodec(
    classes=[
        state_class_of(Order, "shop.Order"),
        state_class_of(Color, "shop.Color"),
        state_class_of(Point, "shop.Point"),
    ]
)

NAMES: dict[str, Any] = {
    "Color": Color,
    "Counter": Counter,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "Order": Order,
    "OrderedDict": OrderedDict,
    "Point": Point,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
    "UUID": uuid.UUID,
    "ZoneInfo": zoneinfo.ZoneInfo,
    "date": dt.date,
    "datetime": dt.datetime,
    "defaultdict": defaultdict,
    "deque": deque,
    "time": dt.time,
    "timedelta": dt.timedelta,
    "timezone": dt.timezone,
}
