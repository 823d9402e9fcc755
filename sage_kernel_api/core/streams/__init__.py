"""Streams: how pipelines are described."""

from sage_kernel_api.core.streams.broadcast_stream import BroadcastConnectedStreams
from sage_kernel_api.core.streams.connected_streams import ConnectedStreams, KeyedConnectedStreams
from sage_kernel_api.core.streams.data_stream import DataStream, FutureStream, KeyedStream
from sage_kernel_api.core.streams.time_joins import WindowedJoin
from sage_kernel_api.core.streams.windowed_stream import WindowedStream

__all__ = [
    "BroadcastConnectedStreams",
    "ConnectedStreams",
    "DataStream",
    "FutureStream",
    "KeyedConnectedStreams",
    "KeyedStream",
    "WindowedJoin",
    "WindowedStream",
]
