"""Hearing and repeating the output of a cell in a terminal IPython."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Message = dict[str, Any]

_RESULT_STEPS = ("start_displayhook", "write_output_prompt", "finish_displayhook")


class TerminalTap:
    """Listens to the standard streams, the display publisher and the display hook."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._heard: list[Message] = []
        self._streams: tuple[Any, Any] | None = None
        self._is_muted = False

    def start(self) -> None:
        """Tee the standard streams; wrap publisher and display hook on their instances."""
        self._heard = []
        self._streams = (sys.stdout, sys.stderr)
        sys.stdout = _Tee(sys.stdout, self._hear_text("stdout"))
        sys.stderr = _Tee(sys.stderr, self._hear_text("stderr"))
        publisher, hook = self._shell.display_pub, self._shell.displayhook
        publisher.publish = self._published(publisher.publish)
        for name in _RESULT_STEPS:
            setattr(hook, name, self._quietly(getattr(hook, name)))
        hook.write_format_data = self._shown(hook.write_format_data)

    def stop(self) -> tuple[list[Message], str | None]:
        """Put streams, publisher and display hook back."""
        if self._streams is not None:
            sys.stdout, sys.stderr = self._streams
            self._streams = None
            del self._shell.display_pub.publish
            for name in (*_RESULT_STEPS, "write_format_data"):
                delattr(self._shell.displayhook, name)
        return self._heard, None

    def send(self, messages: Sequence[Mapping[str, Any]], execution_count: int) -> None:
        """Write streams, publish displays and show the result again."""
        hook = self._shell.displayhook
        for message in messages:
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                getattr(sys, content["name"]).write(content["text"])
            elif kind == "execute_result":
                hook.start_displayhook()
                hook.write_output_prompt()
                hook.write_format_data(content["data"], content["metadata"])
                hook.finish_displayhook()
            else:
                self._shell.display_pub.publish(
                    content["data"],
                    content["metadata"],
                    transient=content.get("transient"),
                    update=kind == "update_display_data",
                )
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    def _hear_text(self, name: str) -> Callable[[str], None]:
        def hear(text: str) -> None:
            if self._is_muted or not text:
                return
            last = self._heard[-1] if self._heard else None
            if last and last["msg_type"] == "stream" and last["content"]["name"] == name:
                last["content"]["text"] += text
            else:
                self._add("stream", {"name": name, "text": text})

        return hear

    def _add(self, kind: str, content: Message) -> None:
        self._heard.append({"msg_type": kind, "content": content, "metadata": {}})

    @contextmanager
    def _mute(self) -> Iterator[None]:
        before, self._is_muted = self._is_muted, True
        try:
            yield
        finally:
            self._is_muted = before

    def _quietly(self, native: Callable[..., Any]) -> Callable[..., Any]:
        def quiet(*args: Any, **kwargs: Any) -> Any:
            with self._mute():
                return native(*args, **kwargs)

        return quiet

    def _shown(self, native: Callable[..., Any]) -> Callable[..., Any]:
        def write_format_data(format_dict: Any, md_dict: Any = None) -> Any:
            self._add("execute_result", {"data": dict(format_dict), "metadata": md_dict or {}})
            with self._mute():
                return native(format_dict, md_dict)

        return write_format_data

    def _published(self, native: Callable[..., Any]) -> Callable[..., Any]:
        def publish(data: Any, metadata: Any = None, **kwargs: Any) -> Any:
            content = {"data": dict(data), "metadata": metadata or {}}
            content["transient"] = kwargs.get("transient") or {}
            self._add("update_display_data" if kwargs.get("update") else "display_data", content)
            with self._mute():
                return native(data, metadata, **kwargs)

        return publish


class _Tee:
    """A standard stream that is heard as well as written."""

    def __init__(self, stream: Any, hear: Callable[[str], None]) -> None:
        self._stream = stream
        self._hear = hear

    def write(self, text: str) -> int:
        """Write and tell."""
        self._hear(text)
        return int(self._stream.write(text) or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
