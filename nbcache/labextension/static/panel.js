/** The side panel: all cached cells of the notebook in front, sorted, with what they cost. */
import { button } from './button.js';
import { askedOf, clearCells, setSettings } from './cells.js';
import { say, sayCount } from './i18n.js';
import { LAYERS, makeIcon } from './icons.js';
import { linkOf } from './link.js';
import { refreshCells } from './refresh.js';
import { drawStore } from './storeSection.js';
import { viewOf } from './view.js';
import { formatAge, formatBytes, formatDuration } from './words.js';

/** @typedef {{cell: import('../types/lab').Cell, place: number, view: any, event: any}} Row */

const ORDERS = {
  place: (/** @type {Row} */ row) => row.place,
  state: (/** @type {Row} */ row) => row.view.state,
  age: (/** @type {Row} */ row) => -(row.event.stored_at ?? 0),
  size: (/** @type {Row} */ row) => -(row.event.size_bytes ?? 0),
  cost: (/** @type {Row} */ row) => -(row.event.cost ?? 0)
};

/**
 * @param {import('../types/lab').Lab} lab
 * @param {import('../types/lab').Application} app
 * @param {import('../types/lab').NotebookTracker} tracker
 */
export function makePanel(lab, app, tracker) {
  const widget = new lab.Widget();
  widget.id = 'nbcache-panel';
  widget.addClass('nbcache-panel');
  widget.title.icon = new lab.LabIcon({ name: 'nbcache:panel', svgstr: LAYERS });
  widget.title.caption = say('Cell cache');
  widget.node.setAttribute('role', 'region');
  widget.node.setAttribute('aria-label', say('Cell cache'));
  app.shell.add(widget, 'right', { rank: 850, type: 'Cell cache' });
  new Panel(lab, app, tracker, widget);
  return widget;
}

class Panel {
  /**
   * @param {import('../types/lab').Lab} lab
   * @param {import('../types/lab').Application} app
   * @param {import('../types/lab').NotebookTracker} tracker
   * @param {import('../types/lab').Widget} widget
   */
  constructor(lab, app, tracker, widget) {
    this.lab = lab;
    this.app = app;
    this.tracker = tracker;
    this.widget = widget;
    /** @type {keyof typeof ORDERS} */
    this.order = 'place';
    this.isWanted = false;
    this.shown = '';
    this.counted = '';
    this.countedAt = 0;
    /** @type {import('./link.js').Link | null} */
    this.link = null;
    /** @type {() => void} */
    this.listener = () => this.want();
    this.build();
    tracker.currentChanged.connect(() => this.follow());
    window.setInterval(() => this.widget.isVisible && this.draw(), 2000);
    this.follow();
  }

  build() {
    this.head = document.createElement('h2');
    this.head.textContent = say('Cell cache');
    this.totals = document.createElement('p');
    this.totals.className = 'nbcache-totals';
    this.sort = document.createElement('select');
    this.sort.dataset.action = 'sort';
    this.sort.setAttribute('aria-label', say('Sort cells by'));
    const names = [say('Position'), say('State'), say('Age'), say('Size'), say('Cost')];
    Object.keys(ORDERS).forEach((order, place) => this.sort?.append(new Option(names[place], order)));
    this.sort.addEventListener('change', () => {
      this.order = /** @type {keyof typeof ORDERS} */ (this.sort?.value);
      this.draw();
    });
    const clear = button('nbcache-action', 'clear', say('Forget all stored results of this notebook'), () => {
      if (this.link) {
        clearCells(this.link, null);
      }
    });
    clear.textContent = say('Clear all');
    const rerun = button('nbcache-action', 'refresh', say('Run all cells past the cache'), () =>
      void this.app.commands.execute('nbcache:run-all')
    );
    rerun.textContent = say('Refresh all');
    const tools = document.createElement('div');
    tools.className = 'nbcache-tools';
    tools.append(this.sort, rerun, clear);
    this.list = document.createElement('ul');
    this.store = document.createElement('div');
    this.widget.node.append(this.head, this.totals, tools, this.list, this.store);
  }

  follow() {
    this.link?.listeners.delete(this.listener);
    const panel = this.tracker.currentWidget;
    this.link = panel ? linkOf(panel.sessionContext) : null;
    this.link?.listeners.add(this.listener);
    this.want();
  }

  /** Ask the server again when something may have been stored, and not all the time. */
  drawStore() {
    const counted = JSON.stringify(this.link?.totals ?? null);
    const now = Date.now();
    if (this.store && counted !== this.counted && now - this.countedAt > 3000) {
      this.counted = counted;
      this.countedAt = now;
      void drawStore(this.lab, this.app, this.store);
    }
  }

  want() {
    if (!this.isWanted) {
      this.isWanted = true;
      window.setTimeout(() => {
        this.isWanted = false;
        this.draw();
      }, 100);
    }
  }

  /** @returns {Row[]} */
  rows() {
    const panel = this.tracker.currentWidget;
    const rows = [];
    for (const [place, cell] of (panel?.content.widgets ?? []).entries()) {
      if (cell.model.type === 'code' && this.link) {
        const status = this.link.status(cell.model.id);
        const view = viewOf(askedOf(cell.model, this.link), status, this.link.now());
        const event = status?.event ?? status?.ahead ?? {};
        if (view) {
          rows.push({ cell, place, view, event });
        }
      }
    }
    const by = ORDERS[this.order];
    return rows.sort((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : a.place - b.place));
  }

  draw() {
    if (this.widget.isVisible) {
      this.drawStore();
    }
    const rows = this.rows();
    const shown = JSON.stringify(rows.map(row => [row.cell.model.id, row.view, title(row)]));
    if (this.totals) {
      this.totals.textContent = this.summary(rows);
    }
    if (shown !== this.shown) {
      this.shown = shown;
      const focused = document.activeElement?.closest('#nbcache-panel li')?.getAttribute('data-cell');
      this.list?.replaceChildren(...rows.map(row => this.row(row)));
      const again = focused && this.list?.querySelector(`li[data-cell="${focused}"] button`);
      /** @type {HTMLElement | null} */ (again || null)?.focus();
    }
  }

  /** @param {Row[]} rows */
  summary(rows) {
    if (!this.tracker.currentWidget) {
      return say('No notebook is open.');
    }
    if (!this.link?.isJoined) {
      return say('nbcache is not loaded in this kernel: run %load_ext nbcache.');
    }
    const { hits, runs, saved } = this.link.totals;
    const size = rows.reduce((sum, row) => sum + (row.event.size_bytes ?? 0), 0);
    const ratio = hits + runs ? Math.round((100 * hits) / (hits + runs)) : 0;
    return [
      sayCount('%1 cell', '%1 cells', rows.length),
      `${sayCount('%1 hit', '%1 hits', hits)} (${ratio} %)`,
      say('saved %1', formatDuration(saved)),
      formatBytes(size)
    ].join(' · ');
  }

  /** @param {Row} row */
  row(row) {
    const item = document.createElement('li');
    item.dataset.state = row.view.state;
    item.dataset.cell = row.cell.model.id;
    const go = button('nbcache-go', 'go', say('Show this cell'), () => this.go(row));
        const name = document.createElement('code');
    name.textContent = title(row);
    const told = document.createElement('span');
    told.className = 'nbcache-told';
    told.textContent = [row.view.word, ...facts(row, this.link?.now() ?? 0)].join(' · ');
    go.append(makeIcon(row.view.state), name, told);
    item.append(go, ...this.actions(row));
    return item;
  }

  /** @param {Row} row */
  actions(row) {
    const panel = this.tracker.currentWidget;
    const refresh = button('nbcache-action', 'refresh', say('Refresh: run past the cache'), () => {
      if (panel) {
        void refreshCells(this.lab, panel, [row.cell]);
      }
    });
    refresh.append(makeIcon('refreshed'));
    const clear = button('nbcache-action', 'clear', say('Clear: forget the stored result'), () => {
      if (this.link) {
        clearCells(this.link, [row.cell.model.id]);
      }
    });
    clear.append(makeIcon('clear'));
    const made = [refresh, clear];
    if (this.link?.options.includes('pin')) {
      made.push(this.pin(row));
    }
    made.forEach(node => node.setAttribute('aria-label', `${node.title} (${title(row)})`));
    return made;
  }

  /** @param {Row} row */
  pin(row) {
    const isPinned = Boolean(row.cell.model.getMetadata('nbcache')?.pin);
    const words = isPinned ? say('Unpin') : say('Pin: keep this result whatever changes');
    const pin = button('nbcache-action', 'pin', words, () =>
      setSettings(row.cell.model, { pin: isPinned ? undefined : true })
    );
    pin.setAttribute('aria-pressed', String(isPinned));
    pin.append(makeIcon('pinned'));
    return pin;
  }

  /** @param {Row} row */
  go(row) {
    const notebook = this.tracker.currentWidget?.content;
    if (notebook) {
      notebook.activeCellIndex = row.place;
      void notebook.scrollToItem?.(row.place, 'smart');
    }
  }
}

/** @param {Row} row */
function title(row) {
  const lines = row.cell.model.sharedModel.getSource().split('\n').map(line => line.trim());
  return lines.find(line => line && !/^(#|%%cache)/.test(line)) ?? say('empty cell');
}

/**
 * @param {Row} row
 * @param {number} now
 */
function facts({ event }, now) {
  const back = event.load_time || event.serves_in;
  const cost = event.cost >= 0.0005 ? formatDuration(event.cost) : '';
  return [
    event.stored_at ? say('%1 old', formatAge(now - event.stored_at)) : '',
    cost && back ? say('%1, back in %2', cost, formatDuration(back)) : cost,
    event.size_bytes ? formatBytes(event.size_bytes) : ''
  ].filter(Boolean);
}
