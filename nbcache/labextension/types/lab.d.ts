/**
 * The part of JupyterLab 4 that the extension uses, as types only: nothing here is shipped to
 * the browser, and JupyterLab's own packages need not be installed to check the sources.
 */

export type SharedScope = Record<
  string,
  Record<string, { get: () => Promise<() => any>; loaded?: 1 }>
>;

export interface Signal<S, A> {
  connect(slot: (sender: S, args: A) => void, thisArg?: unknown): boolean;
  disconnect(slot: (sender: S, args: A) => void, thisArg?: unknown): boolean;
}

export interface Widget {
  readonly node: HTMLElement;
  id: string;
  title: { label: string; caption: string; icon: unknown; closable: boolean };
  readonly isDisposed: boolean;
  readonly isVisible: boolean;
  readonly disposed: Signal<Widget, void>;
  addClass(name: string): void;
  dispose(): void;
}

export interface IMessage {
  channel: string;
  header: { msg_type: string };
  parent_header: { msg_id?: string };
  content: any;
  metadata: Record<string, any>;
}

export interface Comm {
  readonly commId: string;
  onMsg: (message: IMessage) => void;
  onClose: (message: IMessage) => void;
  send(data: any): unknown;
}

export interface Kernel {
  readonly id: string;
  readonly isDisposed: boolean;
  readonly status: string;
  readonly connectionStatus: string;
  readonly iopubMessage: Signal<Kernel, IMessage>;
  readonly statusChanged: Signal<Kernel, string>;
  readonly connectionStatusChanged: Signal<Kernel, string>;
  readonly disposed: Signal<Kernel, void>;
  createComm(target: string, id?: string): Comm;
  hasComm?(id: string): boolean;
  requestCommInfo(content: { target_name: string }): Promise<IMessage>;
  requestExecute(content: any, disposeOnDone?: boolean, metadata?: Record<string, any>): any;
}

export interface SessionContext {
  readonly session: { readonly kernel: Kernel | null } | null;
  readonly kernelChanged: Signal<SessionContext, unknown>;
  readonly ready: Promise<void>;
}

export interface SharedCell {
  getSource(): string;
  readonly changed: Signal<SharedCell, unknown>;
}

export interface CellModel {
  readonly id: string;
  readonly type: string;
  readonly sharedModel: SharedCell;
  readonly metadataChanged: Signal<CellModel, unknown>;
  readonly outputs: OutputAreaModel;
  getMetadata(name: string): any;
  setMetadata(name: string, value: unknown): void;
  deleteMetadata(name: string): void;
}

export interface OutputAreaModel {
  readonly length: number;
  get(index: number): { metadata: Record<string, unknown> };
  toJSON(): { metadata?: Record<string, unknown> }[];
  fromJSON(outputs: unknown[]): void;
}

export interface Cell extends Widget {
  readonly model: CellModel;
  readonly ready: Promise<void>;
}

export interface Notebook extends Widget {
  readonly widgets: readonly Cell[];
  readonly model: NotebookModel | null;
  activeCell: Cell | null;
  activeCellIndex: number;
  readonly modelChanged: Signal<Notebook, void>;
  readonly activeCellChanged: Signal<Notebook, Cell | null>;
  scrollToItem?(index: number, align?: string): Promise<void>;
}

export interface NotebookModel {
  readonly cells: Iterable<CellModel> & {
    readonly length: number;
    readonly changed: Signal<unknown, unknown>;
  };
  readonly contentChanged: Signal<NotebookModel, void>;
  readonly readOnly: boolean;
}

export interface NotebookPanel extends Widget {
  readonly content: Notebook;
  readonly sessionContext: SessionContext;
  readonly context: { readonly path: string; readonly ready: Promise<void> };
  readonly revealed: Promise<void>;
}

export interface NotebookTracker {
  readonly currentWidget: NotebookPanel | null;
  readonly widgetAdded: Signal<NotebookTracker, NotebookPanel>;
  readonly currentChanged: Signal<NotebookTracker, NotebookPanel | null>;
  forEach(visit: (panel: NotebookPanel) => void): void;
}

export interface Application {
  readonly commands: CommandRegistry;
  readonly shell: {
    add(widget: Widget, area: string, options?: { rank?: number; type?: string }): void;
    activateById(id: string): void;
  };
  readonly restored: Promise<void>;
  readonly serviceManager: { readonly serverSettings: any };
}

export interface CommandRegistry {
  addCommand(id: string, options: Record<string, unknown>): { dispose(): void };
  execute(id: string, args?: unknown): Promise<unknown>;
  notifyCommandChanged(id?: string): void;
}

export interface Palette {
  addItem(item: { command: string; category: string }): unknown;
}

export interface StatusBar {
  registerStatusItem(id: string, item: Record<string, unknown>): { dispose(): void };
}

export interface Settings {
  readonly composite: Record<string, any>;
  readonly changed: Signal<Settings, void>;
}

export interface SettingRegistry {
  load(plugin: string): Promise<Settings>;
}

export interface Translation {
  __(text: string, ...values: unknown[]): string;
  _n(one: string, many: string, count: number, ...values: unknown[]): string;
}

export interface Translator {
  load(domain: string): Translation;
}

export interface Plugin {
  id: string;
  description: string;
  autoStart: boolean;
  requires?: unknown[];
  optional?: unknown[];
  provides?: unknown;
  activate: (app: Application, ...services: any[]) => unknown;
}

/** The shared modules of JupyterLab that the extension uses. */
export interface Lab {
  Widget: new (options?: { node?: HTMLElement }) => Widget;
  LabIcon: new (options: { name: string; svgstr: string }) => unknown;
  NotebookActions: {
    runCells?(
      notebook: Notebook,
      cells: readonly Cell[],
      session?: SessionContext
    ): Promise<boolean>;
    runAll(notebook: Notebook, session?: SessionContext): Promise<boolean>;
    run(notebook: Notebook, session?: SessionContext): Promise<boolean>;
  };
  ServerConnection: {
    makeRequest(url: string, init: RequestInit, settings: any): Promise<Response>;
  };
  tokens: Record<
    'notebooks' | 'palette' | 'statusBar' | 'settings' | 'translator' | 'restorer',
    unknown
  >;
}
