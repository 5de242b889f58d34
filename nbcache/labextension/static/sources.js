/** Tells the kernel how the notebook's cells are written now, so that it can look ahead. */

const PAUSE = 300;

export class Sources {
  /**
   * @param {import('../types/lab').NotebookPanel} panel
   * @param {import('./link.js').Link} link
   */
  constructor(panel, link) {
    this.panel = panel;
    this.link = link;
    /** @type {Map<string, string>} what the kernel was told of each cell */
    this.told = new Map();
    this.order = '';
    this.isDue = false;
    /** @type {unknown} */
    this.comm = null;
    this.timer = 0;
    panel.content.modelChanged.connect(() => this.watch());
    /** @type {(cellIds: string[] | null) => void} */
    this.listener = () => this.wake();
    link.listeners.add(this.listener);
    panel.disposed.connect(() => {
      window.clearTimeout(this.timer);
      link.listeners.delete(this.listener);
    });
    this.watch();
  }

  watch() {
    this.panel.content.model?.contentChanged.connect(() => this.want());
    this.want();
  }

  /** Speak when a front end has just joined, or when the kernel can listen again. */
  wake() {
    if (this.comm !== this.link.comm || (this.isDue && this.link.isIdle)) {
      this.want();
    }
  }

  want() {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.speak(), PAUSE);
  }

  /** Send what changed since the kernel was last told; wait while it is busy. */
  speak() {
    if (this.comm !== this.link.comm) {
      this.comm = this.link.comm;
      this.told.clear();
      this.order = '';
    }
    this.isDue = !this.link.isIdle;
    if (!this.link.isJoined || this.isDue || this.panel.isDisposed) {
      return;
    }
    const { cells, order } = this.changes();
    if (Object.keys(cells).length || order.join() !== this.order) {
      this.order = order.join();
      this.link.send('sources', { cells, order });
    }
  }

  changes() {
    /** @type {Record<string, unknown>} */
    const cells = {};
    /** @type {string[]} */
    const order = [];
    for (const model of this.panel.content.model?.cells ?? []) {
      if (model.type !== 'code') {
        continue;
      }
      order.push(model.id);
      const cell = { source: model.sharedModel.getSource(), metadata: { nbcache: settings(model) } };
      const written = JSON.stringify(cell);
      if (this.told.get(model.id) !== written) {
        this.told.set(model.id, written);
        cells[model.id] = cell;
      }
    }
    return { cells, order };
  }
}

/**
 * A cell's settings, those that its tags stand for among them.
 * @param {import('../types/lab').CellModel} model
 */
function settings(model) {
  const own = model.getMetadata('nbcache');
  const tags = model.getMetadata('tags') ?? [];
  if (tags.includes('no-cache')) {
    return { ...own, off: true };
  }
  return own ?? (tags.includes('nbcache') ? { off: false } : undefined);
}
