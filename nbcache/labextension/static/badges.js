/** Keeps one badge at each cached cell of a notebook, through moves, copies and scrolling. */
import { Badge } from './badge.js';
import { askedOf, clearCells, setSettings, withoutDisplays } from './cells.js';
import { refreshCells } from './refresh.js';
import { viewOf } from './view.js';

/** @typedef {import('../types/lab').Cell} Cell */

export class Badges {
  /**
   * @param {import('../types/lab').Lab} lab
   * @param {import('../types/lab').NotebookPanel} panel
   * @param {import('./link.js').Link} link
   */
  constructor(lab, panel, link) {
    this.lab = lab;
    this.panel = panel;
    this.link = link;
    /** @type {Map<Cell, Badge>} */
    this.badges = new Map();
    this.isEnabled = true;
    this.isWanted = false;
    /** @type {(cellIds: string[] | null) => void} */
    this.listener = cellIds => this.hear(cellIds);
    link.listeners.add(this.listener);
    panel.content.modelChanged.connect(() => this.watchModel());
    this.watchModel();
    this.timer = window.setInterval(() => this.tick(), 1000);
    panel.disposed.connect(() => this.dispose());
  }

  watchModel() {
    const model = this.panel.content.model;
    model?.contentChanged.connect(() => this.want());
    model?.cells.changed.connect(() => this.want());
    this.want();
  }

  /** @param {string[] | null} cellIds */
  hear(cellIds) {
    if (cellIds?.length === 0) {
      return;
    }
    const only = cellIds && new Set(cellIds);
    for (const cell of this.panel.content.widgets) {
      if (!only || only.has(cell.model.id)) {
        this.place(cell);
      }
    }
  }

  /** Look at all cells once this burst of changes is over. */
  want() {
    if (!this.isWanted) {
      this.isWanted = true;
      requestAnimationFrame(() => {
        this.isWanted = false;
        this.sync();
      });
    }
  }

  /** @param {boolean} isEnabled */
  enable(isEnabled) {
    this.isEnabled = isEnabled;
    this.sync();
  }

  sync() {
    if (this.panel.isDisposed) {
      return;
    }
    const cells = new Set(this.panel.content.widgets);
    for (const [cell, badge] of this.badges) {
      if (!cells.has(cell) || cell.isDisposed) {
        badge.dispose();
        this.badges.delete(cell);
      }
    }
    cells.forEach(cell => this.place(cell));
  }

  /** Let ages and countdowns go on; nothing is touched whose words stay the same. */
  tick() {
    if (!this.panel.isVisible || document.hidden) {
      return;
    }
    for (const [cell, badge] of this.badges) {
      if (badge.node.isConnected && badge.facts) {
        this.place(cell, badge.facts.asked);
      }
    }
  }

  /**
   * Draw, update or remove the badge of one cell.
   * @param {Cell} cell
   * @param {import('./asking.js').Asked} [known] what the cell asks for, where it did not change
   */
  place(cell, known) {
    if (cell.isDisposed || cell.model.type !== 'code') {
      return;
    }
    const asked = known ?? askedOf(cell.model, this.link);
    const status = this.link.status(cell.model.id);
    const view = this.isEnabled ? viewOf(asked, status, this.link.now()) : null;
    if (!view) {
      this.badges.get(cell)?.dispose();
      this.badges.delete(cell);
      return;
    }
    const isPinned = Boolean(cell.model.getMetadata('nbcache')?.pin);
    const facts = { asked, status, isPinned, state: view.state, options: this.link.options };
    this.badgeOf(cell).update(view, facts);
  }

  /**
   * @param {Cell} cell
   * @returns {Badge}
   */
  badgeOf(cell) {
    const known = this.badges.get(cell);
    if (known) {
      attachTo(cell, known);
      return known;
    }
    const badge = new Badge({
      refresh: () => void refreshCells(this.lab, this.panel, [cell]),
      clear: () => clearCells(this.link, [cell.model.id]),
      set: changes => setSettings(cell.model, changes)
    });
    this.badges.set(cell, badge);
    void cell.ready.then(() => {
      if (this.badges.get(cell) === badge && !cell.isDisposed) {
        attachTo(cell, badge);
        withoutDisplays(cell.model);
      }
    });
    return badge;
  }

  dispose() {
    window.clearInterval(this.timer);
    this.link.listeners.delete(this.listener);
    this.badges.forEach(badge => badge.dispose());
    this.badges.clear();
  }
}

/**
 * Put a badge between the input and the output of its cell, if it is not there.
 * @param {Cell} cell
 * @param {Badge} badge
 */
function attachTo(cell, badge) {
  const output = cell.node.querySelector(':scope > .jp-Cell-outputWrapper');
  if (output && output.previousSibling !== badge.node) {
    cell.node.insertBefore(badge.node, output);
  }
}
