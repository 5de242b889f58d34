/** The item in the status bar: hits and time saved by the notebook that is in front. */
import { say, sayCount } from './i18n.js';
import { linkOf } from './link.js';
import { formatDuration } from './words.js';

/**
 * @param {import('../types/lab').Lab} lab
 * @param {import('../types/lab').Application} app
 * @param {import('../types/lab').NotebookTracker} tracker
 * @param {import('../types/lab').StatusBar | null} statusBar
 */
export function addStatusItem(lab, app, tracker, statusBar) {
  if (!statusBar) {
    return;
  }
  const item = new lab.Widget();
  item.id = 'nbcache-status';
  const node = document.createElement('button');
  node.type = 'button';
  node.className = 'nbcache-statusitem';
  node.title = say('Cell cache: click for the panel');
  node.addEventListener('click', () => app.shell.activateById('nbcache-panel'));
  item.node.append(node);
  /** @type {import('./link.js').Link | null} */
  let link = null;

  const draw = () => {
    node.hidden = !link?.isJoined;
    const { hits, saved } = link?.totals ?? { hits: 0, saved: 0 };
    const told = sayCount('%1 hit', '%1 hits', hits);
    node.textContent = saved > 0 ? `${told} · ${say('saved %1', formatDuration(saved))}` : told;
  };
  const follow = () => {
    link?.listeners.delete(draw);
    link = tracker.currentWidget ? linkOf(tracker.currentWidget.sessionContext) : null;
    link?.listeners.add(draw);
    draw();
  };
  tracker.currentChanged.connect(follow);
  follow();
  statusBar.registerStatusItem('nbcache:status', {
    item,
    align: 'right',
    rank: 90
  });
}
