/** What a cell asks for in its text and its metadata: is it to be cached, for how long? */

const RECORDED = new Set(['state', 'key', 'cell_key', 'cost']);
const COMMENT = /^\s*#\s*\|?\s*nbcache\s*:(.*)$/;
const LINE = /^\s*%%cache\b(.*)$/;
const TTL = /(?:^|[\s-])ttl\s*[=\s]\s*("[^"]*"|'[^']*'|[^\s#]+)/;

/**
 * @typedef {object} Asked
 * @property {boolean} isCached whether the cell asks to be cached
 * @property {boolean} isOff whether its metadata or its line switches caching off
 * @property {string} ttl how long, as written; empty when it does not say
 * @property {boolean} isTtlInText whether the text says it, which is stronger than metadata
 */

/**
 * @param {string} source
 * @param {any} metadata the cell's `metadata.nbcache`
 * @param {string[]} tags of the cell
 * @returns {Asked}
 */
export function readAsked(source, metadata, tags = []) {
  const line = pragmas(source);
  const settings = settingsOf(metadata);
  const inText = TTL.exec(line ?? '')?.[1]?.replace(/^["']|["']$/g, '');
  const isOff =
    Boolean(settings.off) || tags.includes('no-cache') || /(?:^|\s)(?:--)?off(?:\s|$)/.test(line ?? '');
  return {
    isCached: line !== null || tags.includes('nbcache') || Object.keys(settings).length > 0,
    isOff,
    ttl: inText ?? String(settings.ttl ?? ''),
    isTtlInText: inText !== undefined
  };
}

/**
 * The user's own settings, without what a headless run recorded beside them.
 * @param {any} metadata
 * @returns {Record<string, unknown>}
 */
export function settingsOf(metadata) {
  if (typeof metadata === 'boolean') {
    return { off: !metadata };
  }
  if (!metadata || typeof metadata !== 'object') {
    return {};
  }
  const entries = Object.entries(metadata);
  return Object.fromEntries(
    'state' in metadata ? entries.filter(([name]) => !RECORDED.has(name)) : entries
  );
}

/**
 * @param {string} source
 * @returns {string | null} the options that stand before the first statement
 */
function pragmas(source) {
  let found = null;
  for (const line of source.split('\n', 40)) {
    const match = LINE.exec(line) ?? COMMENT.exec(line);
    if (match) {
      found = `${found ?? ''} ${match[1].trim()}`;
    } else if (line.trim() && !/^\s*(#|%%)/.test(line)) {
      break;
    }
  }
  return found;
}
