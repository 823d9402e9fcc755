"""Streams: how pipelines are described."""

from sage_kernel_api.core.streams.connected_streams import ConnectedStreams, KeyedConnectedStreams
from sage_kernel_api.core.streams.data_stream import DataStream, FutureStream, KeyedStream

__all__ = [
    "ConnectedStreams",
    "DataStream",
    "FutureStream",
    "KeyedConnectedStreams",
    "KeyedStream",
]
