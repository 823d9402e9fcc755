"""Services that run in processes of their own, and functions that call them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from sage_kernel_api import BaseService, MapFunction

FOREVER_S = 600.0


class OutOfStockError(Exception):
    """An exception of the user, with more than a message."""

    def __init__(self, item: str, left: int) -> None:
        super().__init__(item, left)
        self.left = left


class Shop(BaseService):
    """Says where it is, and fails and dies on demand."""

    placement = "process"

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.log: list[str] = ["init"]

    def setup(self) -> None:
        self.log.append("setup")

    def start(self) -> None:
        self.log.append(f"start {self.ctx.name} {threading.active_count() > 1}")

    def stop(self) -> None:
        self.log.append("stop")

    def cleanup(self) -> None:
        self.log.append("cleanup")
        Path(self.folder, "log").write_text(" ".join(self.log))

    def where(self) -> int:
        return os.getpid()

    def buy(self, item: str, *, count: int = 1) -> str:
        if count > 9:
            raise OutOfStockError(item, 9)
        self.logger.warning("sold %s", item)
        return f"{count} {item}"

    def ask_other(self, service: str, value: int) -> int:
        answer: int = self.call_service(service, "double", value)
        return answer

    def give_lock(self) -> object:
        return threading.Lock()

    def hang(self) -> None:
        Path(self.folder, "hanging").touch()
        time.sleep(FOREVER_S)

    def wait_for_stop(self) -> str:
        Path(self.folder, "hanging").touch()
        while not self.ctx.should_stop():
            time.sleep(0.005)
        return "stopped"

    def die(self, how: str) -> None:
        if how == "exit":
            os._exit(7)
        os.kill(os.getpid(), signal.SIGKILL)

    def start_child(self) -> int:
        program = f"import time; time.sleep({FOREVER_S})"
        return subprocess.Popen([sys.executable, "-c", program]).pid


class Stubborn(BaseService):
    """Hangs in one part of its life."""

    placement = "process"

    def __init__(self, where: str, folder: str) -> None:
        self.where = where
        self.folder = folder
        self._hang("init")

    def setup(self) -> None:
        self._hang("setup")
        if self.where == "fail":
            raise KeyError("no setup")

    def stop(self) -> None:
        self._hang("stop")

    def cleanup(self) -> None:
        Path(self.folder, "cleaned").touch()

    def _hang(self, where: str) -> None:
        if where == self.where:
            Path(self.folder, str(os.getpid())).touch()
            time.sleep(FOREVER_S)


class Doubler(BaseService):
    """Runs beside the kernel, and is called from the other process."""

    def double(self, value: int) -> int:
        return 2 * value


class Pool(BaseService):
    """Answers several calls at once."""

    placement = "process"
    workers = 2

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2)

    def meet(self) -> int:
        return self.barrier.wait(60)


class Buy(MapFunction[str, tuple[str, int]]):
    """Calls the shop, maybe from another process."""

    def execute(self, data: str) -> tuple[str, int]:
        shop = self.call_service["shop"]
        return shop.buy(data, count=2), shop.where()
