"""Stages of a film side by side: each in a thread of its own, a bounded queue behind it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
WAITING = 3
"""Items that wait behind a stage: enough that none stands still, few enough for memory."""
PATIENCE = 0.1


def threaded(items: Iterable[Item], waiting: int = WAITING) -> Generator[Item, None, None]:
    """The items, made in another thread a little ahead; its errors are raised here, and closing this ends it."""
    queue: Queue[tuple[bool, Any]] = Queue(waiting)
    stopped = Event()

    def give(done: bool, value: Any) -> bool:
        while not stopped.is_set():
            try:
                queue.put((done, value), timeout=PATIENCE)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not give(False, item):
                    break
        except BaseException as caught:  # it is raised again where the items are taken
            error = caught
        finally:
            if isinstance(items, Generator):
                items.close()
            give(True, error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            done, value = queue.get()
            if done:
                if value is not None:
                    raise value
                return
            yield value
            del value
    finally:
        stopped.set()
        while thread.is_alive():
            try:
                queue.get_nowait()
            except Empty:
                thread.join(PATIENCE)
