"""Where nbcache meets IPython: hooks on one shell, all of them undone by ``detach``."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nbcache.cell.pragma import find_pragmas, hide_cache_line
from nbcache.errors import CacheError, OptionError
from nbcache.events import CellEvent, State
from nbcache.options import parse_options
from nbcache.policy import Policy, build_policy
from nbcache.settings import Settings, read_settings

_ATTRIBUTE = "_nbcache_extension"


def attach(shell: Any) -> None:
    """Hook nbcache into a shell once."""
    if getattr(shell, _ATTRIBUTE, None) is not None:
        return
    extension = Extension(shell, read_settings(os.environ))
    extension.install()
    setattr(shell, _ATTRIBUTE, extension)


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
        self.auto = settings.auto
        self.min_time = settings.min_time
        self.refresh_next: set[str] = set()
        self.listeners: list[Callable[[CellEvent], None]] = []
        self._session: Any = None
        self._unseen: list[str] = []
        self._refreshed: set[str] = set()
        self._running: Any = None
        self._native: Any = None
        self._finish_metadata: Any = None
        self._get_exc_info: Any = None
        self._last_event: CellEvent | None = None

    @property
    def session(self) -> Any:
        """The session, made when the first cell asks for it."""
        if self._session is None:
            from nbcache.assembly import make_session

            history = [*self.shell.user_ns.get("_ih", ()), *self._unseen]
            self._session = make_session(self.shell, self.settings, history)
        return self._session

    def install(self) -> None:
        """Put every hook in place."""
        from nbcache.magics import register_magics

        self._native = self.shell.run_ast_nodes
        self.shell.run_ast_nodes = self._run_ast_nodes
        self.shell.input_transformers_cleanup.append(hide_cache_line)
        self.shell.events.register("post_run_cell", self._after_cell)
        self._get_exc_info = self.shell._get_exc_info
        self.shell._get_exc_info = self._own_frames_out
        register_magics(self.shell)
        kernel = getattr(self.shell, "kernel", None)
        if kernel is not None and hasattr(kernel, "finish_metadata"):
            self._finish_metadata = kernel.finish_metadata
            kernel.finish_metadata = self._add_metadata

    def remove(self) -> None:
        """Take every hook away."""
        from nbcache.magics import unregister_magics

        self._end_run(raised=True)
        self.shell.run_ast_nodes = self._native
        if "run_ast_nodes" in vars(self.shell) and _is_method_of(self._native, self.shell):
            del self.shell.run_ast_nodes
        transforms = self.shell.input_transformers_cleanup
        if hide_cache_line in transforms:
            transforms.remove(hide_cache_line)
        self.shell.events.unregister("post_run_cell", self._after_cell)
        del self.shell._get_exc_info
        unregister_magics(self.shell)
        if self._finish_metadata is not None:
            del self.shell.kernel.finish_metadata
        if self._session is not None:
            self._session.trackers.close()

    async def _run_ast_nodes(
        self, nodelist: Sequence[Any], cell_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        """Serve the cell, or run it natively while recording."""
        native: Callable[..., Awaitable[Any]] = self._native
        result = kwargs.get("result")
        if result is None and len(args) > 2:
            result = args[2]
        try:
            run = self._begin(nodelist, cell_name, result)
        except OptionError as error:
            return self._refuse_option(error, result)
        except KeyboardInterrupt as interrupt:
            return self._show_error(interrupt, result)
        if run is None:
            return await self._run_uncached(native, nodelist, cell_name, args, kwargs, result)
        if run.forbidden is not None:
            return self._fail(run, result)
        if run.is_served:
            return False
        began = time.perf_counter()
        raised = True
        try:
            raised = bool(await native(nodelist, cell_name, *args, **kwargs))
        finally:
            run.cost = time.perf_counter() - began
            if raised:
                self._end_run(raised=True)
        return raised

    def _own_frames_out(self, exc_tuple: Any = None) -> Any:
        """Return the exception that IPython is about to show, without any frame of ours."""
        kind, value, trace = self._get_exc_info(exc_tuple)
        if self._session is not None:
            from nbcache.deps.patching import strip_frames

            strip_frames(value)
            trace = value.__traceback__ if trace is not None else None
        return kind, value, trace

    async def _run_uncached(
        self,
        native: Callable[..., Awaitable[Any]],
        nodelist: Sequence[Any],
        cell_name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
    ) -> Any:
        """Run a cell that is not cached, noting only whether it seeds a random stream."""
        if self._session is None:
            self._unseen.append(_raw_text(result))
        if self._session is None or self._running is not None:
            return await native(nodelist, cell_name, *args, **kwargs)
        with self._session.trackers.watching_uncached(_raw_text(result)):
            return await native(nodelist, cell_name, *args, **kwargs)

    def _begin(self, nodelist: Sequence[Any], cell_name: str, result: Any) -> Any:
        """Return the run of a cell that is to be cached, or None to leave it alone."""
        self._end_run(raised=True)
        self._last_event = None
        info = getattr(result, "info", None)
        try:
            policy = self._policy_of(nodelist, result)
            if policy is None or policy.off:
                return None
            from nbcache.reading import Request

            request = Request(
                text=info.raw_cell,
                nodes=tuple(nodelist),
                cell_name=cell_name,
                cell_id=getattr(info, "cell_id", None) or self._cell_id(),
                execution_count=self.shell.displayhook.prompt_count,
                compile_flags=self.shell.compile.flags,
            )
            self._running = self.session.begin(request, policy)
        except OptionError:
            raise
        except Exception as error:
            reason = f"nbcache could not look at this cell: {type(error).__name__}: {error}"
            self._last_event = CellEvent(State.BYPASS, title=info.raw_cell[:72], reasons=(reason,))
            self.tell(self._last_event)
            return None
        return self._running

    def _policy_of(self, nodelist: Sequence[Any], result: Any) -> Policy | None:
        """Return how the cell asks to be cached; None when it does not.

        Raises:
            OptionError: an option is wrong.
        """
        if result is None or self.settings.disable or not nodelist:
            return None
        info = result.info
        if info.silent or not info.store_history:
            return None
        pragmas = find_pragmas(info.raw_cell)
        asked = self._cell_metadata()
        if not pragmas and not self.auto and not asked:
            return None
        if not pragmas and talks_to_nbcache(nodelist):
            return None
        now = time.time()
        base = self.base_policy(explicit=bool(pragmas) or self.settings.trust_all, now=now)
        policy = build_policy(asked, base=base, now=now) if asked else base
        for pragma in reversed(pragmas):
            policy = build_policy(parse_options(pragma.text), base=policy, now=now)
        return self._once(policy, info)

    def base_policy(self, *, explicit: bool, now: float) -> Policy:
        """Return the policy of a cell that asks for nothing itself."""
        settings = self.settings
        base = Policy(
            min_time=0.0 if explicit and not settings.trust_all else self.min_time,
            require=settings.require,
            read_only=settings.read_only,
            explicit=explicit,
        )
        return build_policy({"ttl": settings.ttl}, base=base, now=now) if settings.ttl else base

    def _once(self, policy: Policy, info: Any) -> Policy:
        from dataclasses import replace

        identity = getattr(info, "cell_id", None) or self._cell_id()
        for name in ("*", identity):
            if name and name in self.refresh_next:
                self.refresh_next.discard(name)
                policy = replace(policy, refresh=True)
        if policy.refresh == "once":
            identity = identity or info.raw_cell
            policy = replace(policy, refresh=None if identity in self._refreshed else True)
            self._refreshed.add(identity)
        return policy

    def _cell_metadata(self) -> dict[str, Any]:
        """Return what the front end says about this cell under ``metadata.nbcache``."""
        parent = getattr(self.shell, "parent_header", None) or {}
        asked = parent.get("metadata", {}).get("nbcache") if isinstance(parent, dict) else None
        if not isinstance(asked, dict):
            return {}
        from nbcache.options import OPTIONS

        return {name: value for name, value in asked.items() if name in OPTIONS}

    def _cell_id(self) -> str:
        parent = getattr(self.shell, "parent_header", None) or {}
        return str(parent.get("metadata", {}).get("cellId") or "")

    def _after_cell(self, result: Any = None) -> None:
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
        from nbcache.status import show_status

        show_status(self.shell, event, self.settings)
        for listener in list(self.listeners):
            try:
                listener(event)
            except Exception as error:
                self._warn(f"a listener of nbcache failed: {type(error).__name__}: {error}")

    def _refuse_option(self, error: OptionError, result: Any) -> bool:
        """Show a wrong option as IPython shows a wrong magic line; the cell does not run."""
        from IPython.core.error import UsageError

        return self._show_error(UsageError(str(error)), result)

    def _show_error(self, error: BaseException, result: Any) -> bool:
        """Show an error in place of the cell's run, without any frame of ours."""
        if result is not None:
            result.error_in_exec = error
        self.shell.showtraceback((type(error), error, None))
        return True

    def _fail(self, run: Any, result: Any) -> bool:
        """Show why a required cell did not run."""
        self._show_error(run.forbidden, result)
        self._end_run(raised=True)
        return True

    def _add_metadata(self, parent: Any, metadata: Any, reply_content: Any) -> Any:
        metadata = self._finish_metadata(parent, metadata, reply_content)
        event, self._last_event = self._last_event, None
        if event is not None and event.state is not State.OFF:
            metadata["nbcache"] = event.as_dict()
        return metadata

    def _warn(self, text: str) -> None:
        import warnings

        from nbcache.errors import CacheWarning

        warnings.warn(text, CacheWarning, stacklevel=2)


def _is_method_of(method: Any, shell: Any) -> bool:
    return getattr(method, "__self__", None) is shell


def _raw_text(result: Any) -> str:
    return str(getattr(getattr(result, "info", None), "raw_cell", "") or "")


def talks_to_nbcache(nodelist: Sequence[Any]) -> bool:
    """Tell whether a cell only gives orders to nbcache, which automatic mode leaves alone."""
    import ast

    for node in nodelist:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and part.value in ("nbcache", "cache"):
                return True
    return False
