/** What opens below a badge: why, what the cell depends on, the facts, and the cell's settings. */
import { button } from './button.js';
import { say } from './i18n.js';
import { formatBytes, formatDuration } from './words.js';

/**
 * @typedef {object} Facts
 * @property {import('./asking.js').Asked} asked
 * @property {import('./view.js').Status | undefined} status
 * @property {string} state
 * @property {string[]} options what the kernel understands
 * @property {boolean} isPinned
 */

export class Details {
  /** @param {import('./badge.js').Actions} actions */
  constructor(actions) {
    this.actions = actions;
    this.node = document.createElement('div');
    this.node.className = 'nbcache-details';
    this.why = document.createElement('div');
    this.node.append(this.why, this.makeSettings());
    this.shown = '';
  }

  makeSettings() {
    const row = document.createElement('div');
    row.className = 'nbcache-settings';
    this.toggle = document.createElement('input');
    this.toggle.type = 'checkbox';
    this.toggle.dataset.action = 'toggle';
    this.toggle.addEventListener('change', () =>
      this.actions.set({ off: !this.toggle?.checked })
    );
    this.ttl = document.createElement('input');
    this.ttl.type = 'text';
    this.ttl.size = 8;
    this.ttl.placeholder = say('for ever');
    this.ttl.dataset.action = 'ttl';
    this.ttl.addEventListener('change', () =>
      this.actions.set({ ttl: this.ttl?.value.trim() || undefined })
    );
    this.pin = document.createElement('input');
    this.pin.type = 'checkbox';
    this.pin.dataset.action = 'pin';
    this.pin.addEventListener('change', () =>
      this.actions.set({ pin: this.pin?.checked ? true : undefined })
    );
    this.pinLabel = label(say('Pin'), this.pin);
    row.append(
      label(say('Cache this cell'), this.toggle),
      label(say('Keep for'), this.ttl, true),
      this.pinLabel,
      this.makeClear()
    );
    row.addEventListener('keydown', event => event.stopPropagation());
    row.addEventListener('mousedown', event => event.stopPropagation());
    return row;
  }

  makeClear() {
    const clear = button('nbcache-action', 'clear', say('Forget the stored result'), () =>
      this.actions.clear()
    );
    clear.textContent = say('Clear');
    return clear;
  }

  /** @param {Facts} facts */
  update(facts) {
    const shown = JSON.stringify(facts);
    if (shown === this.shown) {
      return;
    }
    this.shown = shown;
    this.why.replaceChildren(...sentences(facts), factList(facts));
    const { toggle, ttl, pin } = this;
    if (!toggle || !ttl || !pin || !this.pinLabel) {
      return;
    }
    toggle.checked = facts.state !== 'off';
    pin.checked = facts.isPinned;
    this.pinLabel.hidden = !facts.options.includes('pin');
    if (document.activeElement !== ttl) {
      ttl.value = facts.asked.ttl;
    }
    ttl.disabled = facts.asked.isTtlInText;
    ttl.title = facts.asked.isTtlInText
      ? say('The text of the cell says it: change it there')
      : say('How long the result may be used: 90s, 10m, 1h30m, 1 day, never');
  }
}

/**
 * @param {Facts} facts
 * @returns {HTMLElement[]}
 */
function sentences({ status, state }) {
  const { event = null, ahead = null } = status ?? {};
  const isAhead = ['stale', 'expired', 'ready', 'new'].includes(state);
  const isServed = state === 'hit'; // its reasons tell an age, which the badge keeps up to date
  const told = isAhead && ahead ? ahead.reasons : isServed ? [] : (event?.reasons ?? []);
  const all = [...(told.length ? told : [byDefault(state)]), ...(event?.notes ?? [])];
  return all.filter(Boolean).map(sentence => {
    const line = document.createElement('div');
    line.append(...withCode(sentence));
    return line;
  });
}

/** @param {string} state */
function byDefault(state) {
  /** @type {Record<string, string>} */
  const reasons = {
    hit: say('Nothing that the cell depends on has changed since it was stored.'),
    ready: say('Nothing that the cell depends on has changed since it was stored.'),
    miss: say('Nothing was stored for this source and these inputs.'),
    new: say('Nothing is stored yet for this source and these inputs.'),
    refreshed: say('A refresh was asked for.'),
    expired: say('The stored result is older than its time to live.'),
    stale: say('Something that the cell depends on has changed.'),
    pinned: say('Kept whatever changes, until it is unpinned.'),
    off: say('Caching is switched off for this cell.'),
    running: say('The cell runs; its result will be stored.')
  };
  return reasons[state] ?? '';
}

/**
 * @param {Facts} facts
 */
function factList({ status }) {
  const event = status?.event ?? status?.ahead ?? {};
  const list = document.createElement('dl');
  const parts = Object.keys(event.parts ?? {}).map(name => name.replace(/^input /, ''));
  add(list, say('Depends on'), ...parts.map(code));
  add(list, say('Took'), event.cost ? formatDuration(event.cost) : '');
  add(list, say('Loaded in'), event.load_time ? formatDuration(event.load_time) : '');
  const back = event.load_time ? 0 : event.serves_in;
  add(list, say('Comes back in'), back ? say('about %1', formatDuration(back)) : '');
  add(list, say('Stored'), event.stored_at ? moment(event.stored_at) : '');
  add(list, say('Size'), event.size_bytes ? formatBytes(event.size_bytes) : '');
  add(list, say('Store'), event.store ?? '');
  add(list, say('Key'), event.key ? code(event.key) : '');
  return list;
}

/**
 * @param {HTMLElement} list
 * @param {string} name
 * @param {...(string | HTMLElement)} values
 */
function add(list, name, ...values) {
  const given = values.filter(Boolean);
  if (!given.length) {
    return;
  }
  const term = document.createElement('dt');
  term.textContent = name;
  const value = document.createElement('dd');
  given.forEach((part, place) => value.append(place ? ', ' : '', part));
  list.append(term, value);
}

/** @param {number} seconds */
function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString();
}

/** @param {string} words */
function code(words) {
  const node = document.createElement('code');
  node.textContent = words;
  return node;
}

/**
 * @param {string} sentence with names between backticks
 * @returns {(string | HTMLElement)[]}
 */
function withCode(sentence) {
  return sentence.split('`').map((part, place) => (place % 2 ? code(part) : part));
}

/**
 * @param {string} words
 * @param {HTMLElement} input
 */
function label(words, input, isAfter = false) {
  const node = document.createElement('label');
  node.append(...(isAfter ? [words, input] : [input, words]));
  return node;
}
