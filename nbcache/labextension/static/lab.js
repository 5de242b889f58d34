/** Takes what the extension needs out of the modules that JupyterLab shares. */

/**
 * @param {import('../types/lab').SharedScope} scope
 * @returns {Promise<import('../types/lab').Lab>}
 */
export async function takeLab(scope) {
  const names = [
    '@jupyterlab/notebook',
    '@jupyterlab/apputils',
    '@jupyterlab/statusbar',
    '@jupyterlab/settingregistry',
    '@jupyterlab/translation',
    '@jupyterlab/application',
    '@jupyterlab/services',
    '@jupyterlab/ui-components',
    '@lumino/widgets'
  ];
  const [notebook, apputils, statusbar, settings, translation, application, services, ui, widgets] =
    await Promise.all(names.map(name => share(scope, name)));
  return {
    Widget: widgets.Widget,
    LabIcon: ui.LabIcon,
    NotebookActions: notebook.NotebookActions,
    ServerConnection: services.ServerConnection,
    tokens: {
      notebooks: notebook.INotebookTracker,
      palette: apputils.ICommandPalette,
      statusBar: statusbar.IStatusBar,
      settings: settings.ISettingRegistry,
      translator: translation.ITranslator,
      restorer: application.ILayoutRestorer
    }
  };
}

/**
 * @param {import('../types/lab').SharedScope} scope
 * @param {string} name
 * @returns {Promise<any>} the module, empty where this application does not share it
 */
async function share(scope, name) {
  const versions = Object.values(scope[name] ?? {});
  const chosen = versions.find(version => version.loaded) ?? versions[0];
  return chosen ? (await chosen.get())() : {};
}
