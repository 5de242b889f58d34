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

const LABELS = () => ({
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
  const labels = /** @type {Record<string, string[]>} */ (LABELS());
  const [word, standard] = labels[state] ?? [state, ''];
  const label = state === 'miss' ? reran(status?.event) || standard : standard;
  const told = [label, ...details(state, status, now)].filter(Boolean);
  return { state, word, told, spoken: `${say('Cache')}: ${[word, ...told].join(', ')}` };
}

/**
 * @param {import('./asking.js').Asked} asked
 * @param {Status | undefined} status
 * @param {number} now
 * @returns {string} empty for a cell that has nothing to do with the cache
 */
export function stateOf(asked, status, now) {
  const { event = null, progress = null, ahead = null } = status ?? {};
  if (progress) {
    return progress.phase;
  }
  if (asked.isOff) {
    return 'off';
  }
  if (!event || event.state === 'off') {
    return asked.isCached || ahead ? beforeFirstRun(ahead, now) : '';
  }
  if (['bypass', 'error'].includes(event.state)) {
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
  if (event.state !== 'hit' && event.state !== 'refreshed') {
    return event.stored_at === null ? 'new' : 'miss';
  }
  return event.stored_at === null ? 'new' : event.state;
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

/**
 * @param {string} state
 * @param {Status | undefined} status
 * @param {number} now
 * @returns {string[]}
 */
function details(state, status, now) {
  const { event = null, progress = null, ahead = null } = status ?? {};
  const known = event?.stored_at ? event : ahead;
  switch (state) {
    case 'running':
      return [formatAge(now - progress.since), lastTime(progress)];
    case 'waiting':
      return [say('for %1, at work for %2', progress.who, formatAge(now - progress.since))];
    case 'storing':
      return [formatAge(now - progress.since)];
    case 'stale':
      return [asClause(ahead?.reasons?.[0] ?? ''), age(known, now)];
    case 'expired':
      return [age(known, now)];
    case 'bypass':
    case 'error':
      return [asClause(event?.reasons?.[0] ?? ahead?.reasons?.[0] ?? '')];
    case 'hit':
    case 'pinned':
      return [age(event, now), expiry(event, now), saved(event), ...notes(event)];
    case 'ready':
      return [age(known, now), expiry(known, now), saves(known)];
    case 'miss':
    case 'refreshed':
      return [stored(event), expiry(event, now), ...notes(event)];
    default:
      return [];
  }
}

/** @param {any} progress */
function lastTime(progress) {
  return progress.estimate ? say('last time %1', formatDuration(progress.estimate)) : '';
}

/**
 * @param {any} known
 * @param {number} now
 */
function age(known, now) {
  return known?.stored_at ? say('%1 old', formatAge(now - known.stored_at)) : '';
}

/**
 * @param {any} known
 * @param {number} now
 */
function expiry(known, now) {
  return known?.expires_at ? say('expires in %1', formatAge(known.expires_at - now)) : '';
}

/** @param {any} event */
function saved(event) {
  return event.saved > 0 ? say('saved %1', formatDuration(event.saved)) : '';
}

/** @param {any} known */
function saves(known) {
  return known?.cost >= 0.0005 ? say('saves %1', formatDuration(known.cost)) : '';
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
