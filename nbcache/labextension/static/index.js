/** The plugins of the extension: one for the badges and commands, one for the side panel. */
import { Badges } from './badges.js';
import { addCommands } from './commands.js';
import { useTranslator } from './i18n.js';
import { addShapes } from './icons.js';
import { takeLab } from './lab.js';
import { linkOf } from './link.js';
import { makePanel } from './panel.js';
import { Sources } from './sources.js';
import { addStatusItem } from './statusItem.js';

/** @typedef {import('../types/lab').Lab} Lab */

/**
 * @param {import('../types/lab').SharedScope} scope
 * @returns {Promise<import('../types/lab').Plugin[]>}
 */
export async function makePlugins(scope) {
  const lab = await takeLab(scope);
  const { notebooks, palette, statusBar, settings, translator, restorer } = lab.tokens;
  const optional = [palette, statusBar, settings, translator, restorer];
  return [
    {
      id: 'nbcache:plugin',
      description: 'Shows the state of cached cells outside of their outputs.',
      autoStart: true,
      requires: [notebooks],
      optional: optional.filter(Boolean),
      activate: (app, tracker, ...services) => {
        const given = optional.map(token => (token ? services.shift() : null));
        activate(lab, app, tracker, given);
      }
    }
  ];
}

/**
 * @param {Lab} lab
 * @param {import('../types/lab').Application} app
 * @param {import('../types/lab').NotebookTracker} tracker
 * @param {any[]} services
 */
function activate(lab, app, tracker, [palette, statusBar, registry, translator, restorer]) {
  useTranslator(translator);
  addShapes();
  /** @type {Set<Badges>} */
  const shown = new Set();
  let isEnabled = true;
  tracker.widgetAdded.connect((_, panel) => start(panel));
  tracker.forEach(panel => start(panel));

  /** @param {import('../types/lab').NotebookPanel} panel */
  function start(panel) {
    const link = linkOf(panel.sessionContext);
    const badges = new Badges(lab, panel, link);
    badges.enable(isEnabled);
    shown.add(badges);
    panel.disposed.connect(() => shown.delete(badges));
    new Sources(panel, link);
  }

  const side = makePanel(lab, app, tracker);
  addCommands(lab, app, tracker, palette);
  addStatusItem(lab, app, tracker, statusBar);
  void registry?.load('nbcache:plugin').then((/** @type {any} */ settings) => {
    const apply = () => {
      isEnabled = settings.composite.showBadges !== false;
      shown.forEach(badges => badges.enable(isEnabled));
    };
    settings.changed.connect(apply);
    apply();
  });
  restorer?.add(side, 'nbcache-panel');
}
