"""A proxy that fails as networks and servers do.

Belongs here: the faults. Does not belong here: what ought to come of them.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field

from tests.stores.proxy import Call, Proxy, Reply

# Google's client asks for the bucket in the background, for its traces.
_OF_THE_LIBRARY = re.compile(r"/storage/v1/b/[^/?]+(\?.*)?")
FAULTS = ("429", "500", "503", "reset", "slow", "lost", "cut")


@dataclass
class FaultyProxy(Proxy):
    """Does `fault` to the next `times` requests whose method is in `methods`.

    429, 500, 503 and `reset` are of requests that the server does not get to see; the reply of one
    that it did comes too late (`slow`), never (`lost`) or in part (`cut`).
    """

    server: str
    patience: float
    address: str = ""
    fault: str = ""
    times: int = 0
    methods: tuple[str, ...] = ()
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.server)
        self._guard = threading.Lock()

    def fail(self, fault: str, *methods: str, times: int = 1) -> None:
        """Do `fault` from now on."""
        with self._guard:
            self.fault, self.methods, self.times = fault, methods, times
            self.seen.clear()

    def answer(self, call: Call) -> Reply | None:
        if _OF_THE_LIBRARY.fullmatch(call.target):
            return self.forward(call)
        with self._guard:
            self.seen.append(call.method)
            faulty = self.times > 0 and (not self.methods or call.method in self.methods)
            self.times -= faulty
        if not faulty:
            return self.forward(call)
        if self.fault.isdecimal():
            return Reply(int(self.fault), {}, b"")
        return None if self.fault == "reset" else self._spoilt(self.forward(call))

    def _spoilt(self, reply: Reply) -> Reply | None:
        if self.fault == "slow":
            time.sleep(1.5 * self.patience)
            return reply
        if self.fault == "cut" and len(reply.body) > 1:
            reply.cut = True
            return reply
        return None
