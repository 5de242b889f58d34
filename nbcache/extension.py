"""Where nbcache meets IPython: hooks on one shell, all of them undone by ``detach``."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nbcache.asking import Asking
from nbcache.cell.pragma import hide_cache_line
from nbcache.errors import CacheError, CacheWarning, OptionError
from nbcache.ran import RunLog
from nbcache.settings import Settings, read_settings
from nbcache.shell_texts import put_back, raw_text, texts_before, usage_error
from nbcache.traits import attach_traits, configured, detach_traits
from nbcache.uncollected import uncollected
from nbcache.unseen_cells import UnseenCells

if TYPE_CHECKING:
    from nbcache.events import CellEvent, Progress

_ATTRIBUTE = "_nbcache_extension"


def attach(shell: Any) -> bool:
    """Hook nbcache into a shell; return whether that was needed."""
    if getattr(shell, _ATTRIBUTE, None) is not None:
        return False
    extension = Extension(shell, read_settings(os.environ))
    extension.install()
    setattr(shell, _ATTRIBUTE, extension)
    return True


def detach(shell: Any) -> None:
    """Undo everything that ``attach`` did."""
    extension = getattr(shell, _ATTRIBUTE, None)
    if extension is not None:
        extension.remove()
        delattr(shell, _ATTRIBUTE)


def extension_of(shell: Any) -> Extension:
    """Return the shell's extension.

    Raises:
        CacheError: nbcache is not loaded in this shell.
    """
    found: Extension | None = getattr(shell, _ATTRIBUTE, None)
    if found is None:
        raise CacheError("nbcache is not loaded here. Run `%load_ext nbcache` first.")
    return found


class Extension:
    """One shell's hooks: the text transform, the wrapper around a cell's run, its end."""

    def __init__(self, shell: Any, settings: Settings) -> None:
        self.shell = shell
        self.settings = settings
        self.asking = Asking(shell, settings)
        self.listeners: list[Callable[[CellEvent], None]] = []
        self.progress_listeners: list[Callable[[Progress], None]] = []
        self.preparers: list[Callable[[Any, Any], None]] = []
        self.show: Callable[[CellEvent], None] | None = None
        self.panel: Callable[[], None] | None = None
        self.openers: list[Callable[[], None]] = []
        self._session: Any = None
        self._unseen = UnseenCells()
        self._running: Any = None
        self._is_inside = False
        self._traits: Any = None
        self._finish_metadata: Any = None
        self._last_event: CellEvent | None = None
        self.log = RunLog(texts_before(shell))

    @property
    def session(self) -> Any:
        """The session, made when the first cell asks for it."""
        if self._session is None:
            with uncollected():
                from nbcache.assembly import make_session

                self.open_doors()
            ran_before = self.shell.user_ns.get("_ih", ())[:-1]  # the last is running now
            texts = [*ran_before, *self._unseen.texts]
            self._session = make_session(self.shell, self.settings, texts)
            self._session.on_progress = self._tell_progress
        return self._session

    def open_doors(self) -> None:
        """Open the doors that nobody needs before a cell asks for anything."""
        openers, self.openers = self.openers, []
        self._hand(openers)

    @property
    def is_in_use(self) -> bool:
        """Whether a cell has asked for the session."""
        return self._session is not None

    def install(self) -> None:
        """Put every hook in place."""
        self._native = self.shell.run_ast_nodes
        self._traits = attach_traits(self.shell)
        self.asking.configured = lambda: configured(self._traits)
        self.shell.run_ast_nodes = self._run_ast_nodes
        self.shell.input_transformers_cleanup.append(hide_cache_line)
        self.shell.events.register("post_run_cell", self._after_cell)
        self._get_exc_info = self.shell._get_exc_info
        self.shell._get_exc_info = self._own_frames_out
        kernel = getattr(self.shell, "kernel", None)
        if kernel is not None and hasattr(kernel, "finish_metadata"):
            self._finish_metadata = kernel.finish_metadata
            kernel.finish_metadata = self._add_metadata

    def remove(self) -> None:
        """Take every hook away."""
        self._end_run(raised=True)
        detach_traits(self.shell, self._traits)
        put_back(self.shell, "run_ast_nodes", self._native)
        transforms = self.shell.input_transformers_cleanup
        if hide_cache_line in transforms:
            transforms.remove(hide_cache_line)
        self.shell.events.unregister("post_run_cell", self._after_cell)
        del self.shell._get_exc_info
        if self._finish_metadata is not None:
            del self.shell.kernel.finish_metadata
        if self._session is not None:
            self._session.trackers.close()

    async def _run_ast_nodes(
        self, nodelist: Sequence[Any], cell_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        """Serve the cell, or run it natively while recording."""
        native: Callable[..., Awaitable[Any]] = self._native
        if self._is_inside:  # a cell run by the cell that is being recorded
            return await native(nodelist, cell_name, *args, **kwargs)
        result = kwargs.get("result", args[2] if len(args) > 2 else None)
        self._note(result)
        try:
            run = self._begin(nodelist, cell_name, result)
        except OptionError as error:
            return self._show_error(usage_error(error), result)
        except KeyboardInterrupt as interrupt:
            return self._show_error(interrupt, result)
        if run is not None and run.forbidden is not None:
            self._show_error(run.forbidden, result)
            self._end_run(raised=True)
            return True
        if run is not None and run.is_served:
            return False
        began, raised = time.perf_counter(), True
        try:
            with self._watching(run, result, nodelist):
                raised = bool(await native(nodelist, cell_name, *args, **kwargs))
        finally:
            if run is not None:
                run.cost = time.perf_counter() - began
            if raised:
                self._end_run(raised=True)
        return raised

    def _note(self, result: Any) -> None:
        """Remember that a cell runs; what was found out about the kernel's state is void."""
        info = getattr(result, "info", None)
        cell_id = self.asking.cell_id(info) if info is not None else ""
        self.log.note(cell_id, raw_text(result), self.shell.displayhook.prompt_count)

    def _own_frames_out(self, exc_tuple: Any = None) -> Any:
        """Return the exception that IPython is about to show, without any frame of ours."""
        kind, value, trace = self._get_exc_info(exc_tuple)
        if self._session is not None:
            from nbcache.deps.blame import strip_frames

            strip_frames(value)
            trace = value.__traceback__ if trace is not None else None
        return kind, value, trace

    @contextmanager
    def _watching(self, run: Any, result: Any, nodelist: Sequence[Any]) -> Iterator[None]:
        """Let a recorded cell run; follow any other one, to learn whether it seeds."""
        if run is not None and run.recorder is not None:
            self._is_inside = True
            try:
                yield
            finally:
                self._is_inside = False
        elif self._session is None:
            with self._unseen.running(raw_text(result)):
                yield
        else:
            from nbcache.replay.stillness import watching

            with watching(nodelist, self.shell, self._session.trackers, raw_text(result)):
                yield

    def _begin(self, nodelist: Sequence[Any], cell_name: str, result: Any) -> Any:
        """Return the run of a cell that is to be cached, or None to leave it alone."""
        self._end_run(raised=True)
        self._last_event = None
        try:
            info = getattr(result, "info", None)
            policy = self.asking.policy_of(nodelist, info)
            if policy is None or info is None:
                return None
            session = self.session
            from nbcache.reading import Request

            request = Request(
                text=info.raw_cell,
                nodes=tuple(nodelist),
                cell_name=cell_name,
                cell_id=self.asking.cell_id(info),
                execution_count=self.shell.displayhook.prompt_count,
                compile_flags=self.shell.compile.flags,
            )
            self._hand(self.preparers, request, policy)
            self._running = session.begin(request, policy)
        except OptionError:
            raise
        except Exception as error:
            from nbcache.events import not_looked_at

            self._last_event = not_looked_at(raw_text(result), error)
            self.tell(self._last_event)
            return None
        return self._running

    def _after_cell(self, result: Any = None) -> None:
        self.log.memo.clear()
        if not self._is_inside:
            self._end_run(raised=False)

    def _end_run(self, *, raised: bool) -> None:
        """Finish the run under way, if any, and tell the listeners."""
        run, self._running = self._running, None
        if run is None:
            return
        event = self.session.finish(run, raised=raised)
        self._last_event = event
        self.tell(event)

    def tell(self, event: CellEvent) -> None:
        """Show a cell's status, and hand it to every listener."""
        self._hand((self.show or self._show, *self.listeners), event)

    def _show(self, event: CellEvent) -> None:
        from nbcache.status import show_status

        show_status(self.shell, event, self.settings)

    def _tell_progress(self, run: Any, phase: str, who: str, since: float) -> None:
        if run.request.cell_id:
            self._hand_progress(phase, run.request.cell_id, since, run.estimate or None, who)

    def tell_waiting(self, name: str, who: str, since: float) -> None:
        """Show at the running cell that a cached call waits for another process, or no longer."""
        cell_id, run = self.asking.cell_id(None), self._running
        if run is not None and not who:
            self._tell_progress(run, "running", "", time.time())
        elif cell_id:
            phase, told = ("waiting", f"{who} in {name}()") if who else ("", "")
            self._hand_progress(phase, cell_id, since, None, told)

    def _hand_progress(self, *told: Any) -> None:
        if self.progress_listeners:
            from nbcache.events import Progress

            self._hand(self.progress_listeners, Progress(*told))

    def take_event(self) -> CellEvent | None:
        """Return what became of the last cell, once."""
        event, self._last_event = self._last_event, None
        return event

    def _hand(self, listeners: Sequence[Callable[..., None]], *told: Any) -> None:
        """Tell each listener; one that fails is not in the cell's way."""
        for listener in tuple(listeners):
            try:
                listener(*told)
            except Exception as error:
                problem = f"a listener of nbcache failed: {type(error).__name__}: {error}"
                warnings.warn(problem, CacheWarning, stacklevel=2)

    def _show_error(self, error: BaseException, result: Any) -> bool:
        """Show an error in place of the cell's run, without any frame of ours."""
        if result is not None:
            result.error_in_exec = error
        self.shell.showtraceback((type(error), error, None))
        return True

    def _add_metadata(self, parent: Any, metadata: Any, reply_content: Any) -> Any:
        metadata = self._finish_metadata(parent, metadata, reply_content)
        event = self.take_event()
        if event is not None and event.state.value != "off":
            metadata["nbcache"] = event.as_dict()
        return metadata
