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
    return await run(lab, panel, code);
  } finally {
    code.forEach(cell => link.refreshing.delete(cell.model.id));
  }
}

/**
 * @param {import('../types/lab').Lab} lab
 * @param {import('../types/lab').NotebookPanel} panel
 * @param {readonly import('../types/lab').Cell[]} cells
 */
async function run(lab, panel, cells) {
  const { content, sessionContext } = panel;
  if (lab.NotebookActions.runCells) {
    return lab.NotebookActions.runCells(content, cells, sessionContext);
  }
  let isFine = true; // JupyterLab 4.0 runs what is selected
  for (const cell of cells) {
    content.activeCellIndex = content.widgets.indexOf(cell);
    isFine = (await lab.NotebookActions.run(content, sessionContext)) && isFine;
  }
  return isFine;
}
