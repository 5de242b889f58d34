/** The badge of one cell: a node that can be thrown away and drawn again at any time. */
import { button } from './button.js';
import { Details } from './details.js';
import { say } from './i18n.js';
import { makeIcon } from './icons.js';

/**
 * @typedef {object} Actions what a badge lets its user do
 * @property {() => void} refresh
 * @property {() => void} clear
 * @property {(changes: Record<string, unknown>) => void} set writes the cell's own settings
 */

export class Badge {
  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
    this.node = document.createElement('div');
    this.node.className = 'nbcache-badge';
    this.node.setAttribute('role', 'group');
    this.summary = button('nbcache-summary', 'details', say('Show why'), () => this.toggle());
    this.summary.setAttribute('aria-expanded', 'false');
    this.icon = makeIcon('new');
    this.word = document.createElement('b');
    this.told = document.createElement('span');
    this.told.className = 'nbcache-told';
    this.summary.append(this.icon, this.word, this.told);
    const title = say('Run this cell again, without its cached result');
    this.refresh = button('nbcache-action', 'refresh', title, () => actions.refresh());
    this.refresh.append(makeIcon('refreshed'), say('Refresh'));
    this.line = document.createElement('div');
    this.line.className = 'nbcache-line';
    this.line.append(this.summary, this.refresh);
    this.node.append(this.line);
    /** @type {Details | null} */
    this.details = null;
    this.shown = '';
  }

  /**
   * @param {import('./view.js').View} view
   * @param {import('./details.js').Facts} facts
   */
  update(view, facts) {
    const shown = `${view.state}\n${view.spoken}`;
    if (shown !== this.shown) {
      this.draw(view);
      this.shown = shown;
    }
    this.details?.update(facts);
    this.facts = facts;
  }

  /** @param {import('./view.js').View} view */
  draw(view) {
    if (this.node.dataset.state !== view.state) {
      this.node.dataset.state = view.state;
      this.icon.dataset.shape = view.state;
      const isBusy = ['running', 'waiting', 'storing'].includes(view.state);
      this.refresh.disabled = isBusy;
    }
    this.node.setAttribute('aria-label', say('Cache of this cell'));
    this.word.textContent = view.word;
    this.told.textContent = view.told.map(words => ` · ${words}`).join('');
    this.summary.title = `${[view.word, ...view.told].join(' · ')}\n${say('Click for the reasons')}`;
  }

  /** Show or hide the reasons. */
  toggle() {
    if (this.details) {
      this.details.node.remove();
      this.details = null;
    } else if (this.facts) {
      this.details = new Details(this.actions);
      this.details.update(this.facts);
      this.node.append(this.details.node);
    }
    this.summary.setAttribute('aria-expanded', String(this.details !== null));
  }

  dispose() {
    this.node.remove();
  }
}
