/** Runs cells past the cache, each with its new output in its own place. */
import { linkOf } from './link.js';

/**
 * @param {import('../types/lab').Lab} lab
 * @param {import('../types/lab').NotebookPanel} panel
 * @param {readonly import('../types/lab').Cell[]} cells
 */
export async function refreshCells(lab, panel, cells) {
  const link = linkOf(panel.sessionContext);
  const code = cells.filter(cell => cell.model.type === 'code');
  code.forEach(cell => link.refreshing.add(cell.model.id));
  try {
    return await lab.NotebookActions.runCells(panel.content, code, panel.sessionContext);
  } finally {
    code.forEach(cell => link.refreshing.delete(cell.model.id));
  }
}
