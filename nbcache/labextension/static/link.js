/** One kernel connection as the extension sees it: what its kernel told, and the way to ask. */

const TARGET = 'nbcache';
const VERSION = 1;

/** @typedef {import('./view.js').Status} Status */

export class Link {
  /** @param {import('../types/lab').SessionContext} session */
  constructor(session) {
    this.session = session;
    /** @type {Map<string, Status>} */
    this.cells = new Map();
    this.totals = { hits: 0, runs: 0, saved: 0 };
    this.auto = false;
    /** @type {string[]} */
    this.options = [];
    this.clockAhead = 0;
    /** @type {Set<string>} cells whose next run goes past the cache */
    this.refreshing = new Set();
    /** @type {Set<(cellIds: string[] | null) => void>} told which cells changed, null for all */
    this.listeners = new Set();
    /** @type {import('../types/lab').Comm | null} */
    this.comm = null;
    /** @type {import('../types/lab').Kernel | null} */
    this.kernel = null;
    session.kernelChanged.connect(() => this.attach());
    this.attach();
  }

  /** Whether the kernel has nbcache loaded and answers. */
  get isJoined() {
    return this.comm !== null;
  }

  /** Whether the kernel can listen now. */
  get isIdle() {
    return this.kernel?.status === 'idle';
  }

  /** The kernel's clock, in seconds. */
  now() {
    return Date.now() / 1000 + this.clockAhead;
  }

  /** @param {string} cellId */
  status(cellId) {
    return this.cells.get(cellId);
  }

  /** Follow the kernel that the session has now. */
  attach() {
    const kernel = this.session.session?.kernel ?? null;
    if (kernel === this.kernel) {
      return;
    }
    this.kernel = kernel;
    this.reset();
    if (!kernel) {
      return;
    }
    announce(kernel, this.refreshing);
    kernel.iopubMessage.connect((_, message) => this.overhear(kernel, message));
    kernel.statusChanged.connect((_, status) => this.follow(kernel, status));
    kernel.connectionStatusChanged.connect((_, status) => {
      if (status === 'connected') {
        void this.find(kernel);
      }
    });
    void this.find(kernel);
  }

  /** Forget what an earlier kernel told. */
  reset() {
    this.comm = null;
    this.cells.clear();
    this.totals = { hits: 0, runs: 0, saved: 0 };
    this.tell(null);
  }

  /**
   * @param {import('../types/lab').Kernel} kernel
   * @param {string} status
   */
  follow(kernel, status) {
    if (kernel !== this.kernel) {
      return;
    }
    if (['restarting', 'autorestarting', 'dead', 'terminating'].includes(status)) {
      this.reset();
    }
    this.tell([]);
  }

  /**
   * Look for a comm that was there before us: after a reload of the page, in a second browser.
   * @param {import('../types/lab').Kernel} kernel
   */
  async find(kernel) {
    try {
      const reply = await kernel.requestCommInfo({ target_name: TARGET });
      const found = Object.keys(reply.content.comms ?? {})[0];
      if (found && kernel === this.kernel) {
        this.comm = null;
        this.join(kernel, found);
      }
    } catch {
      // the kernel went away, or can't answer: it is heard when it speaks
    }
  }

  /**
   * @param {import('../types/lab').Kernel} kernel
   * @param {import('../types/lab').IMessage} message
   */
  overhear(kernel, message) {
    const content = message.content;
    if (kernel !== this.kernel || content?.data?.target !== TARGET) {
      return;
    }
    if (message.header.msg_type === 'comm_msg') {
      this.receive(content.data);
      this.join(kernel, content.comm_id);
    }
  }

  /**
   * @param {import('../types/lab').Kernel} kernel
   * @param {string} commId
   */
  join(kernel, commId) {
    if (this.comm?.commId === commId) {
      return;
    }
    try {
      this.comm = kernel.createComm(TARGET, commId);
    } catch {
      this.comm = { commId, send: data => sendRaw(kernel, commId, data), onMsg() {}, onClose() {} };
    }
    this.comm.onClose = () => this.reset();
    this.send('hello');
    this.tell([]);
  }

  /**
   * @param {string} kind
   * @param {Record<string, unknown>} content
   */
  send(kind, content = {}) {
    try {
      this.comm?.send({ version: VERSION, kind, ...content });
    } catch {
      this.comm = null; // the connection is down; it is found again when it is up
    }
  }

  /** @param {any} data */
  receive(data) {
    if (data.version !== VERSION) {
      return;
    }
    this.totals = data.totals ?? this.totals;
    if (data.kind === 'state') {
      this.clockAhead = data.clock - Date.now() / 1000;
      this.auto = data.auto;
      this.options = data.options;
      this.cells = new Map(data.cells.map((/** @type {any} */ cell) => [cell.id, cell]));
      this.tell(null);
    } else if (data.kind === 'cell') {
      this.cells.set(data.cell.id, data.cell);
      this.tell([data.cell.id]);
    } else if (data.kind === 'ahead') {
      this.foretell(data.cells);
    }
  }

  /** @param {Record<string, any>} told */
  foretell(told) {
    for (const [id, ahead] of Object.entries(told)) {
      const known = this.cells.get(id) ?? { event: null, progress: null, ahead: null };
      this.cells.set(id, { ...known, ahead });
    }
    this.tell(Object.keys(told));
  }

  /** @param {string[] | null} cellIds */
  tell(cellIds) {
    for (const listener of this.listeners) {
      listener(cellIds);
    }
  }
}

/** @type {WeakSet<import('../types/lab').Kernel>} */
const announced = new WeakSet();

/**
 * Let each request say that the badge is drawn here, and carry an order to refresh its cell.
 * @param {import('../types/lab').Kernel} kernel
 * @param {Set<string>} refreshing
 */
function announce(kernel, refreshing) {
  if (announced.has(kernel)) {
    return;
  }
  announced.add(kernel);
  const native = kernel.requestExecute.bind(kernel);
  kernel.requestExecute = (content, disposeOnDone, metadata) => {
    /** @type {Record<string, any>} */
    const more = { ...metadata, 'nbcache.front': VERSION };
    if (refreshing.delete(String(more.cellId ?? ''))) {
      more.nbcache = { ...more.nbcache, refresh: true };
    }
    return native(content, disposeOnDone, more);
  };
}

/**
 * @param {any} kernel
 * @param {string} commId
 * @param {unknown} data
 */
function sendRaw(kernel, commId, data) {
  kernel._comms?.get(commId)?.send(data);
}

/** @type {WeakMap<import('../types/lab').SessionContext, Link>} */
const links = new WeakMap();

/**
 * @param {import('../types/lab').SessionContext} session
 * @returns {Link} the one link of a session, shared by all that show it
 */
export function linkOf(session) {
  const link = links.get(session) ?? new Link(session);
  links.set(session, link);
  return link;
}
