/** What is done to cells and their metadata: settings, clearing, taking out our old displays. */
import { readAsked } from './asking.js';

/**
 * Write settings into `metadata.nbcache`; an undefined value takes its setting away.
 * @param {import('../types/lab').CellModel} model
 * @param {Record<string, unknown>} changes
 */
export function setSettings(model, changes) {
  const all = { ...model.getMetadata('nbcache'), ...changes };
  const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  if (Object.keys(kept).length) {
    model.setMetadata('nbcache', kept);
  } else {
    model.deleteMetadata('nbcache');
  }
}

/**
 * Switch caching of a cell on where it is off, and off where it is on.
 * @param {import('../types/lab').CellModel} model
 */
export function toggleCaching(model) {
  const asked = written(model);
  setSettings(model, { off: asked.isCached && !asked.isOff });
}

/** @param {import('../types/lab').CellModel} model */
function written(model) {
  const tags = model.getMetadata('tags');
  const settings = model.getMetadata('nbcache');
  return readAsked(model.sharedModel.getSource(), settings, Array.isArray(tags) ? tags : []);
}

/**
 * What a cell asks for; in automatic mode, one that the kernel knows is cached without asking.
 * @param {import('../types/lab').CellModel} model
 * @param {import('./link.js').Link} link
 */
export function askedOf(model, link) {
  const asked = written(model);
  const status = link.auto ? link.status(model.id) : undefined;
  return { ...asked, isCached: asked.isCached || Boolean(status?.event ?? status?.ahead) };
}

/**
 * @param {import('./link.js').Link} link
 * @param {string[] | null} cellIds null for all that the kernel knows
 */
export function clearCells(link, cellIds) {
  link.send('clear', cellIds ? { cells: cellIds } : {});
}

/**
 * Take nbcache's own displays out of a cell's output: the badge outside of it stands for them.
 * @param {import('../types/lab').CellModel} model
 */
export function withoutDisplays(model) {
  const outputs = model.outputs?.toJSON() ?? [];
  const own = outputs.filter(output => isBadge(output.metadata));
  if (own.length) {
    model.outputs.fromJSON(outputs.filter(output => !isBadge(output.metadata)));
  }
}

/** @param {any} metadata */
function isBadge(metadata) {
  return Boolean(metadata?.nbcache?.state);
}
