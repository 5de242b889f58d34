/** One shape for each state, in the manner of JupyterLab's icons; colour comes from the theme. */

const RING = '<circle cx="8" cy="8" r="6"/>';

/** @type {Record<string, string>} */
const SHAPES = {
  hit: `${RING}<path d="M5.2 8.3l2 2 3.6-4.2"/>`,
  ready: `<circle cx="8" cy="8" r="6" stroke-dasharray="2.6 2.1"/><path d="M5.2 8.3l2 2 3.6-4.2"/>`,
  pinned: '<path d="M5.5 2h5M6.5 2v4.5L4.5 9h7l-2-2.5V2M8 9v5"/>',
  miss: '<path d="M4.5 2.8v10.4L13 8z"/>',
  refreshed: '<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.2v2.9h-2.9"/>',
  expired: `${RING}<path d="M8 4.6V8l2.3 1.6"/>`,
  stale: '<path d="M8 2.2L14.2 13H1.8zM8 6.6v3M8 11.3v.1"/>',
  waiting: '<path d="M3.2 8h.1M8 8h.1M12.7 8h.1" stroke-width="2.4"/>',
  running: '<path d="M8 2a6 6 0 1 1-6 6"/>',
  storing: '<path d="M8 2v7M5 6.2L8 9.2l3-3M2.5 13.5h11"/>',
  bypass: `${RING}<path d="M3.9 12.1l8.2-8.2"/>`,
  clear: '<path d="M2.8 4.5h10.4M6.3 4.5V2.9h3.4v1.6M4.3 4.5l.7 8.6h6l.7-8.6"/>',
  off: `${RING}<path d="M5.2 8h5.6"/>`,
  error: `${RING}<path d="M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4"/>`,
  new: '<circle cx="8" cy="8" r="6" stroke-dasharray="2.6 2.1"/>'
};

/**
 * The icon of a shape: one node, whose shape is a mask, so that hundreds of them cost little.
 * @param {string} shape the name of a state or of an action
 */
export function makeIcon(shape) {
  const node = document.createElement('span');
  node.className = 'nbcache-icon';
  node.dataset.shape = shape;
  return node;
}

/** Give the shapes to the page, once. */
export function addShapes() {
  const style = document.createElement('style');
  style.textContent = Object.keys(SHAPES).map(rule).join('\n');
  document.head.append(style);
}

/** @param {string} shape */
function rule(shape) {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#000" ' +
    `stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">${SHAPES[shape]}</svg>`;
  const image = `url("data:image/svg+xml,${encodeURIComponent(svg)}")`;
  return `.nbcache-icon[data-shape="${shape}"] { -webkit-mask-image: ${image}; mask-image: ${image}; }`;
}

/** The extension's own icon: a stack of layers, in the size and greys of JupyterLab's icons. */
export const LAYERS =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">' +
  '<g class="jp-icon3" fill="#616161"><path d="M12 2L2 7l10 5 10-5zM4.2 10.9L2 12l10 5 10-5' +
  '-2.2-1.1L12 14.8zM4.2 15.9L2 17l10 5 10-5-2.2-1.1L12 19.8z"/></g></svg>';

/** Run all past the cache: two arrows around. */
export const RERUN =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">' +
  '<g class="jp-icon3" fill="#616161"><path d="M12 5V1.5L7.5 6 12 10.5V7a5 5 0 0 1 4.6 7' +
  'l1.5 1.5A7 7 0 0 0 12 5zM12 17a5 5 0 0 1-4.6-7L5.9 8.5A7 7 0 0 0 12 19v3.5l4.5-4.5' +
  'L12 13.5z"/></g></svg>';
