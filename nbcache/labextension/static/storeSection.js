/** The foot of the panel: what the store on the server's machine holds, also without a kernel. */
import { say, sayCount } from './i18n.js';
import { formatBytes } from './words.js';

/**
 * @param {import('../types/lab').Lab} lab
 * @param {import('../types/lab').Application} app
 * @param {HTMLElement} place
 */
export async function drawStore(lab, app, place) {
  const settings = app.serviceManager.serverSettings;
  try {
    const url = `${settings.baseUrl}nbcache/store`;
    const reply = await lab.ServerConnection.makeRequest(url, {}, settings);
    if (!reply.ok) {
      place.replaceChildren();
      return;
    }
    const { entries, size_bytes: size, location } = await reply.json();
    const told = `${sayCount('%1 stored run', '%1 stored runs', entries)} · ${formatBytes(size)}`;
    const line = document.createElement('p');
    line.className = 'nbcache-totals';
    line.textContent = `${say('Store')}: ${told}`;
    line.title = location;
    place.replaceChildren(line);
  } catch {
    place.replaceChildren(); // a server without our extension
  }
}
