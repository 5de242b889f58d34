/** What a badge says: a pure function of what a cell asks for, what the kernel told, and now. */
import { say } from './i18n.js';
import { asClause, formatAge, formatBytes, formatDuration } from './words.js';

/**
 * @typedef {object} Status what the kernel tells of one cell
 * @property {any} event its last outcome, null before it ran
 * @property {any} progress what it does now
 * @property {any} ahead what its next run would be
 *
 * @typedef {object} View
 * @property {string} state the value of `data-state`
 * @property {string} word
 * @property {string[]} told
 * @property {string} spoken the whole as one sentence, for screen readers
 */

/** @type {Status} */
const NOTHING = { event: null, progress: null, ahead: null };

/** @type {Map<string, string[]>} */
const labels = new Map();

/**
 * The word of a state and what follows it, translated once.
 * @param {string} state
 */
function labelOf(state) {
  const found = labels.get(state) ?? makeLabels()[state] ?? [state, ''];
  labels.set(state, found);
  return found;
}

/** @returns {Record<string, string[]>} */
const makeLabels = () => ({
  miss: [say('ran'), say('miss')],
  hit: [say('cached'), say('hit')],
  refreshed: [say('ran'), say('refreshed')],
  expired: [say('expired'), say('runs the next time')],
  stale: [say('stale'), ''],
  pinned: [say('cached'), say('pinned')],
  bypass: [say('ran'), say('not cached')],
  off: [say('off'), say('runs every time')],
  error: [say('error'), say('nothing was stored')],
  ready: [say('ready'), say('comes from the cache')],
  new: [say('new'), say('will be cached')],
  running: [say('running'), ''],
  waiting: [say('waiting'), ''],
  storing: [say('storing'), '']
});

/**
 * @param {import('./asking.js').Asked} asked
 * @param {Status | undefined} status
 * @param {number} now seconds on the kernel's clock
 * @returns {View | null} null for a cell that has no badge
 */
export function viewOf(asked, status, now) {
  const state = stateOf(asked, status, now);
  if (!state) {
    return null;
  }
  const [word, standard] = labelOf(state);
  const label = state === 'miss' ? reran(status?.event) || standard : standard;
  const details = DETAILS[state]?.(status ?? NOTHING, now) ?? [];
  const told = [label, ...details].filter(Boolean).map(words => words.replaceAll('`', ''));
  return { state, word, told, spoken: `${say('Cache')}: ${[word, ...told].join(', ')}` };
}

/**
 * @param {import('./asking.js').Asked} asked
 * @param {Status | undefined} status
 * @param {number} now
 * @returns {string} empty for a cell that has nothing to do with the cache
 */
export function stateOf(asked, status, now) {
  const { event, progress, ahead } = status ?? NOTHING;
  if (progress && (asked.isCached || progress.phase === 'waiting')) {
    return progress.phase;
  }
  if (asked.isOff) {
    return 'off';
  }
  if (!asked.isCached) {
    return '';
  }
  const hasRun = event && event.state !== 'off';
  return hasRun ? afterRun(event, ahead, now) : beforeFirstRun(ahead, now);
}

/**
 * @param {any} event
 * @param {any} ahead
 * @param {number} now
 */
function afterRun(event, ahead, now) {
  if (event.state === 'bypass' || event.state === 'error') {
    return ahead?.state === 'hit' ? 'ready' : event.state;
  }
  if (ahead?.state === 'stale') {
    return 'stale';
  }
  if (event.state === 'pinned') {
    return 'pinned';
  }
  if (ahead?.state === 'expired' || isPast(event.expires_at, now)) {
    return 'expired';
  }
  if (event.stored_at === null) {
    return 'new';
  }
  return ['hit', 'refreshed'].includes(event.state) ? event.state : 'miss';
}

/**
 * @param {any} ahead
 * @param {number} now
 */
function beforeFirstRun(ahead, now) {
  if (ahead?.state === 'hit' || ahead?.state === 'pinned') {
    return isPast(ahead.expires_at, now) ? 'expired' : 'ready';
  }
  return ['stale', 'expired', 'bypass'].includes(ahead?.state) ? ahead.state : 'new';
}

/**
 * @param {number | null | undefined} moment
 * @param {number} now
 */
function isPast(moment, now) {
  return typeof moment === 'number' && now >= moment;
}

/** @typedef {(status: Status, now: number) => string[]} Detail */

/** @type {Detail} */
const served = ({ event }, now) => [
  age(event, now),
  expiry(event, now),
  saved(event),
  ...notes(event)
];

/** @type {Detail} */
const ran = ({ event }, now) => [stored(event), expiry(event, now), ...notes(event)];

/** @type {Detail} */
const refused = ({ event, ahead }) => [asClause((event ?? ahead)?.reasons?.[0] ?? '')];

/** What follows the word of a state. @type {Record<string, Detail>} */
const DETAILS = {
  running: ({ progress }, now) => [formatAge(now - progress.since), lastTime(progress)],
  waiting: ({ progress }, now) => [
    say('for %1, at work for %2', progress.who, formatAge(now - progress.since))
  ],
  storing: ({ progress }, now) => [formatAge(now - progress.since)],
  stale: (status, now) => [asClause(status.ahead?.reasons?.[0] ?? ''), age(known(status), now)],
  expired: (status, now) => [age(known(status), now)],
  ready: (status, now) => [
    age(known(status), now),
    expiry(known(status), now),
    saves(known(status))
  ],
  bypass: refused,
  error: refused,
  hit: served,
  pinned: served,
  miss: ran,
  refreshed: ran
};

/** @param {Status} status */
function known({ event, ahead }) {
  return event?.stored_at ? event : ahead;
}

/** @param {any} progress */
function lastTime(progress) {
  return progress.estimate ? say('last time %1', formatDuration(progress.estimate)) : '';
}

/**
 * @param {any} entry
 * @param {number} now
 */
function age(entry, now) {
  return entry?.stored_at ? say('%1 old', formatAge(now - entry.stored_at)) : '';
}

/**
 * @param {any} entry
 * @param {number} now
 */
function expiry(entry, now) {
  return entry?.expires_at ? say('expires in %1', formatAge(entry.expires_at - now)) : '';
}

/** @param {any} event */
function saved(event) {
  return event.saved > 0 ? say('saved %1', formatDuration(event.saved)) : '';
}

/** @param {any} entry */
function saves(entry) {
  return entry?.cost >= 0.0005 ? say('saves %1', formatDuration(entry.cost)) : '';
}

/** @param {any} event */
function stored(event) {
  return event.size_bytes
    ? say('took %1, stored %2', formatDuration(event.cost), formatBytes(event.size_bytes))
    : '';
}

/** @param {any} event */
function reran(event) {
  if (event?.state === 'stale') {
    return say('was stale: %1', asClause(event.reasons?.[0] ?? ''));
  }
  return event?.state === 'expired' ? say('was expired') : '';
}

/** @param {any} event */
function notes(event) {
  const told = (event.notes ?? []).map(asClause);
  return told.length > 2 ? [told[0], say('%1 more notes', told.length - 1)] : told;
}
