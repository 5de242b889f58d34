/** A button inside of a cell: its clicks and keys are its own, not the notebook's. */

/**
 * @param {string} className
 * @param {string} action the value of `data-action`
 * @param {string} title
 * @param {() => void} act
 */
export function button(className, action, title, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = className;
  made.dataset.action = action;
  made.title = title;
  made.addEventListener('click', event => {
    event.stopPropagation();
    act();
  });
  for (const kind of ['mousedown', 'pointerdown', 'dblclick']) {
    made.addEventListener(kind, event => event.stopPropagation());
  }
  made.addEventListener('keydown', event => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.stopPropagation();
    }
  });
  return made;
}
