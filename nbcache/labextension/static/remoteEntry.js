/**
 * The door by which JupyterLab finds this extension: a module-federation container, by hand.
 *
 * JupyterLab loads this file as a classic script, hands over the modules that it shares, and
 * asks for `./extension` and `./style`. Everything else are plain ES modules beside this file.
 */
(() => {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const home = new URL('.', script.src);
  /** @type {import('../types/lab').SharedScope} */
  let scope = {};

  /** @param {string} file */
  const load = file => import(new URL(file, home).href);

  const container = {
    /** @param {import('../types/lab').SharedScope} shared */
    init: shared => {
      scope = shared;
    },

    /** @param {string} wanted */
    get: async wanted => {
      if (wanted === './style') {
        return () => addStyle(new URL('style.css', home).href);
      }
      const { makePlugins } = await load('index.js');
      const plugins = await makePlugins(scope);
      return () => ({ __esModule: true, default: plugins });
    }
  };

  /** @param {string} href */
  function addStyle(href) {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = href;
    document.head.append(link);
    return {};
  }

  const page = /** @type {any} */ (window);
  page._JUPYTERLAB = page._JUPYTERLAB ?? {};
  page._JUPYTERLAB.nbcache = container;
})();
