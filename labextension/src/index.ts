import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { IActions } from './actions';
import { Render } from './detail';
import { mlopsIcon } from './icons';
import type { LineageWidget } from './lineage';
// The sidebar is there from the start, so these are needed at once.
/* eslint-disable jupyter/prefer-lazy-imports */
import { JudgedNotebooks } from './judged';
import { MlopsModel } from './model';
import { createPanel } from './panel';
import { check } from './verdicts';
/* eslint-enable jupyter/prefer-lazy-imports */

const PLUGIN = 'mlops-nb:plugin';

namespace CommandIDs {
  export const openLineage = 'mlops-nb:open-lineage';
  export const showPanel = 'mlops-nb:show-panel';
  export const refresh = 'mlops-nb:refresh';
  export const toggleVerdicts = 'mlops-nb:toggle-verdicts';
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description:
    'Runs, lineage, pipelines, models and drift of a notebook project in the sidebar.',
  autoStart: true,
  requires: [INotebookTracker, IRenderMimeRegistry],
  optional: [
    IDefaultFileBrowser,
    ICommandPalette,
    ILayoutRestorer,
    ISettingRegistry,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    rendermime: IRenderMimeRegistry,
    browser: IDefaultFileBrowser | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('mlops_nb');
    const { commands, shell, serviceManager } = app;
    const model = new MlopsModel(serviceManager.serverSettings);
    const actions: IActions = {
      retry: section => model.refresh(section),
      show: ref => model.show(ref),
      openLineage: ref => {
        void commands.execute(CommandIDs.openLineage, ref ? { ref } : {});
      },
      promote: async version => {
        const { askToPromote } = await import('./promote');
        await askToPromote(
          version,
          ({ alias, reason }) =>
            model.promote(version.name, version.version, alias, reason),
          trans
        );
      }
    };

    const judged = new JudgedNotebooks(notebooks, model, {
      check: (path, page) =>
        check(
          serviceManager.serverSettings,
          serviceManager.contents.localPath(path),
          page
        ),
      trans
    });
    const panel = createPanel(model, judged, actions, translator ?? nullTranslator);
    shell.add(panel, 'left', { rank: 900, type: 'MLOps' });
    restorer?.add(panel, panel.id);

    const lineages = new WidgetTracker<MainAreaWidget<LineageWidget>>({
      namespace: 'mlops-nb-lineage'
    });
    const render = renderWith(rendermime);
    commands.addCommand(CommandIDs.openLineage, {
      label: trans.__('Open Lineage Graph'),
      caption: trans.__('What a result came from, and what it led to'),
      icon: mlopsIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ref: {
              type: 'string',
              description: trans.__('A record; without it the recent project')
            },
            at: {
              type: 'string',
              description: trans.__('A path in the project; by default the active one')
            }
          }
        }
      },
      execute: async args => {
        const { LineageWidget } = await import('./lineage');
        const ref = typeof args.ref === 'string' ? args.ref : null;
        const at = typeof args.at === 'string' ? args.at : model.place;
        let tab = lineages.find(
          ({ content: { subject } }) => subject.ref === ref && subject.at === at
        );
        if (!tab) {
          const { openLineage } = actions;
          const subject = { ref, at };
          tab = new MainAreaWidget({
            content: new LineageWidget({ model, subject, render, trans, openLineage })
          });
          tab.id = tab.content.id + '-tab';
          shell.add(tab, 'main', { type: 'MLOps' });
          void lineages.add(tab);
        }
        shell.activateById(tab.id);
      }
    });
    commands.addCommand(CommandIDs.showPanel, {
      label: trans.__('Show MLOps Sidebar'),
      icon: mlopsIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => shell.activateById(panel.id)
    });
    commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh MLOps Sidebar'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        model.refresh();
        judged.refresh();
      }
    });
    commands.addCommand(CommandIDs.toggleVerdicts, {
      label: trans.__('Show Verdicts Beside Cells'),
      caption: trans.__('Whether what a cell shows is what the notebook says'),
      isToggled: () => judged.isOn,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        judged.isOn = !judged.isOn;
        await settings?.set(PLUGIN, 'verdicts', judged.isOn);
      }
    });
    for (const command of Object.values(CommandIDs)) {
      palette?.addItem({ command, category: trans.__('MLOps') });
    }
    if (restorer) {
      void restorer.restore(lineages, {
        command: CommandIDs.openLineage,
        args: ({ content: { subject } }) =>
          subject.ref ? { ref: subject.ref, at: subject.at } : { at: subject.at },
        name: ({ content: { id } }) => id
      });
    }

    const follow = () => {
      const path =
        notebooks.currentWidget?.context.path ?? browser?.model.path ?? '';
      model.place = serviceManager.contents.localPath(path);
    };
    notebooks.widgetAdded.connect((_, notebook) => {
      notebook.context.pathChanged.connect(follow);
    });
    notebooks.currentChanged.connect(follow);
    browser?.model.pathChanged.connect(follow);
    follow();

    void settings?.load(PLUGIN).then(loaded => {
      const apply = () => {
        model.live = loaded.composite.live !== false;
        judged.isOn = loaded.composite.verdicts !== false;
        commands.notifyCommandChanged(CommandIDs.toggleVerdicts);
      };
      loaded.changed.connect(apply);
      apply();
    });
  }
};

/** Lab's own renderers; recorded outputs are never trusted to run scripts. */
function renderWith(rendermime: IRenderMimeRegistry): Render {
  return async (host, mime, data) => {
    if (!rendermime.mimeTypes.includes(mime)) {
      throw new Error(`no renderer for ${mime}`);
    }
    const renderer = rendermime.createRenderer(mime);
    await renderer.renderModel(
      rendermime.createModel({ data: { [mime]: data }, trusted: false })
    );
    Widget.attach(renderer, host);
    return renderer;
  };
}

export default plugin;
