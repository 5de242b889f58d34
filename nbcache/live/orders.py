"""What front ends may ask of a kernel: each order is one short function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nbcache.live.door import Live

Order = Mapping[str, Any]


def hello(live: Live, order: Order) -> None:
    """A front end joined: tell it everything."""
    live.send_state()


def sources(live: Live, order: Order) -> None:
    """A front end tells the notebook's cells as they are written now."""
    live.ahead.take(order.get("cells") or {}, order.get("order") or ())


def refresh(live: Live, order: Order) -> None:
    """Run the named cells past the cache the next time."""
    live.extension.asking.refresh_next.update(map(str, order.get("cells") or ()))


def clear(live: Live, order: Order) -> None:
    """Forget what is stored for the named cells, or for all cells that this kernel knows."""
    names = order.get("cells")
    store = live.extension.session.shelf.store
    keys = {event["key"] for event in _events(live, names) if event.get("key")}
    for key in sorted(keys):
        for entry in list(store.find(key)):
            store.remove(entry)
    for event in _events(live, names):
        live.board.forget(event["cell_id"] or event["title"])
    live.ahead.forget()
    live.send_state()


def _events(live: Live, names: Any) -> list[dict[str, Any]]:
    if names is None:
        return live.board.events()
    return [event for event in map(live.board.event, map(str, names)) if event]


def auto(live: Live, order: Order) -> None:
    """Cache every cell from now on, or only those that ask for it."""
    live.extension.asking.auto = bool(order.get("on"))
    live.send_state()


ORDERS: Final[Mapping[str, Callable[[Live, Order], None]]] = {
    function.__name__: function for function in (hello, sources, refresh, clear, auto)
}
"""The orders by the ``kind`` of their message."""
