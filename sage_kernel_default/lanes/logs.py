"""Log records of a process lane go on in the kernel's process, to the handlers of the user.

Layer: lanes.
"""

from __future__ import annotations

import logging

from sage_kernel_default.lanes.channel import Send
from sage_kernel_default.lanes.kinds import LOG
from sage_kernel_default.processes import Message, decode, encode

__all__ = ["forward_logs", "take_log"]

_ROOT = "sage_kernel"


class _Forwarder(logging.Handler):
    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send_message = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record, with message and traceback as text: arguments may not travel."""
        told = dict(record.__dict__)
        told["msg"], told["args"] = record.getMessage(), None
        if record.exc_info:
            told["exc_text"] = logging.Formatter().formatException(record.exc_info)
        told["exc_info"] = None
        plain = {key: value for key, value in told.items() if _is_plain(value)}
        self._send_message(LOG, 0, encode(plain))


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def forward_logs(send: Send, level: int) -> None:
    """Send this process's records of the kernel's loggers, from *level*."""
    root = logging.getLogger(_ROOT)
    root.setLevel(level)
    root.propagate = False
    root.addHandler(_Forwarder(send))


def take_log(message: Message) -> None:
    """Handle a record as if it had been made here."""
    record = logging.makeLogRecord(decode(message.body))
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
