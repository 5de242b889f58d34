/** The commands: in the palette, in menus and toolbars through the settings, and on keys. */
import { askedOf, clearCells, toggleCaching } from './cells.js';
import { say } from './i18n.js';
import { LAYERS, RERUN } from './icons.js';
import { linkOf } from './link.js';
import { refreshCells } from './refresh.js';

/**
 * @param {import('../types/lab').Lab} lab
 * @param {import('../types/lab').Application} app
 * @param {import('../types/lab').NotebookTracker} tracker
 * @param {import('../types/lab').Palette | null} palette
 */
export function addCommands(lab, app, tracker, palette) {
  const layers = new lab.LabIcon({ name: 'nbcache:layers', svgstr: LAYERS });
  const rerun = new lab.LabIcon({ name: 'nbcache:rerun', svgstr: RERUN });
  const isEnabled = () => tracker.currentWidget !== null;
  const active = () => tracker.currentWidget?.content.activeCell ?? null;

  /**
   * @param {string} id
   * @param {string} label
   * @param {(panel: import('../types/lab').NotebookPanel) => unknown} act
   * @param {Record<string, unknown>} more
   */
  function add(id, label, act, more = {}) {
    const execute = () => tracker.currentWidget && act(tracker.currentWidget);
    app.commands.addCommand(id, { label, execute, isEnabled, ...more });
    palette?.addItem({ command: id, category: say('Cell cache') });
  }

  add(
    'nbcache:refresh-cell',
    say('Refresh Cell (Run Past the Cache)'),
    panel => active() && refreshCells(lab, panel, [/** @type {any} */ (active())])
  );
  add('nbcache:run-all', say('Run All Cells Without Cache'), panel => runAll(lab, panel), {
    icon: rerun,
    caption: say('Run all cells again, past the cache, and store them anew')
  });
  add('nbcache:toggle-cell', say('Cache This Cell, or No Longer'), () => {
    const cell = active();
    if (cell?.model.type === 'code') {
      toggleCaching(cell.model);
    }
  });
  add('nbcache:details', say('Show Why This Cell Hit or Ran'), () => {
    /** @type {HTMLElement | null | undefined} */
    const badge = active()?.node.querySelector('.nbcache-badge [data-action="details"]');
    badge?.click();
    badge?.focus();
  });
  add('nbcache:clear-cell', say('Forget the Stored Result of This Cell'), panel => {
    const cell = active();
    if (cell) {
      clearCells(linkOf(panel.sessionContext), [cell.model.id]);
    }
  });
  add('nbcache:show-panel', say('Show the Cell Cache Panel'), () =>
    app.shell.activateById('nbcache-panel'),
    { icon: layers }
  );
}

/**
 * @param {import('../types/lab').Lab} lab
 * @param {import('../types/lab').NotebookPanel} panel
 */
async function runAll(lab, panel) {
  const link = linkOf(panel.sessionContext);
  const cached = panel.content.widgets.filter(
    cell => cell.model.type === 'code' && askedOf(cell.model, link).isCached
  );
  const ids = cached.map(cell => cell.model.id);
  ids.forEach(id => link.refreshing.add(id));
  try {
    return await lab.NotebookActions.runAll(panel.content, panel.sessionContext);
  } finally {
    ids.forEach(id => link.refreshing.delete(id));
  }
}
