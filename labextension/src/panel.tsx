import { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import {
  ReactWidget,
  refreshIcon,
  SidePanel,
  UseSignal
} from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { ISignal, Signal } from '@lumino/signaling';
import { AccordionPanel } from '@lumino/widgets';
import React from 'react';

import { IActions } from './actions';
import { IStatus } from './api';
import { mlopsIcon } from './icons';
import * as format from './format';
import { fitToContent } from './fit';
import { JudgedNotebooks } from './judged';
import { Answers, IAnswer, MlopsModel, Section } from './model';
import { Action, Hint } from './parts';
import { Drift } from './sections/drift';
import { Lineage } from './sections/lineage';
import { Models } from './sections/models';
import { Pipelines } from './sections/pipelines';
import { Runs } from './sections/runs';
import { VerdictLine } from './sections/verdict';

type Draw = (answers: Answers) => JSX.Element;

/** One section of the panel; asked for only while it can be seen. */
class SectionBody extends ReactWidget {
  constructor(
    private readonly model: MlopsModel,
    private readonly section: Section,
    private readonly draw: Draw
  ) {
    super();
    this.addClass('jp-Mlops-section');
  }

  render(): JSX.Element {
    return (
      <UseSignal signal={this.model.changed}>
        {() => (
          <Measured onResize={() => this._resized.emit()}>
            {this.draw(this.model.answers)}
          </Measured>
        )}
      </UseSignal>
    );
  }

  /** The content has another height. */
  get resized(): ISignal<this, void> {
    return this._resized;
  }

  /** How high the section would be without scrolling. */
  contentHeight(): number {
    const [content] = this.node.getElementsByClassName('jp-Mlops-content');
    return (content as HTMLElement | undefined)?.offsetHeight ?? 0;
  }

  dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.model.watch(this.section, [this.section]);
    }
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.model.watch(this.section, [this.section]);
  }

  protected onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this.model.watch(this.section, null);
  }

  protected onBeforeDetach(message: Message): void {
    this.model.watch(this.section, null);
    super.onBeforeDetach(message);
  }

  private readonly _resized = new Signal<this, void>(this);
}

/** Content that says when its size changes. */
function Measured(props: {
  onResize: () => void;
  children: React.ReactNode;
}): JSX.Element {
  const element = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    const observer = new ResizeObserver(props.onResize);
    element.current && observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={element} className="jp-Mlops-content">
      {props.children}
    </div>
  );
}

/** The sidebar: the project's name and counts, the notebook's verdict, then five sections. */
export function createPanel(
  model: MlopsModel,
  judged: JudgedNotebooks,
  actions: IActions,
  translator: ITranslator
): SidePanel {
  const trans = translator.load('mlops_nb');
  const panel = new SidePanel({ translator });
  panel.id = 'mlops-nb-panel';
  panel.title.icon = mlopsIcon;
  panel.title.caption = trans.__('MLOps');
  panel.addClass('jp-Mlops');
  panel.node.setAttribute('role', 'region');
  panel.node.setAttribute('aria-label', trans.__('MLOps'));

  const summary = new SectionBody(model, 'status', answers => (
    <Summary
      answer={answers.status}
      refresh={() => {
        model.refresh();
        judged.refresh();
      }}
      trans={trans}
    />
  ));
  summary.addClass('jp-mod-summary');
  summary.id = 'mlops-nb-status';
  panel.header.addWidget(summary);
  const verdict = ReactWidget.create(
    <UseSignal signal={judged.changed}>
      {() => (
        <VerdictLine
          value={judged.current?.verdicts.value ?? null}
          failure={judged.current?.verdicts.failure ?? null}
          jump={cell => void judged.current?.jump(cell)}
          retry={() => judged.refresh()}
          trans={trans}
        />
      )}
    </UseSignal>
  );
  verdict.id = 'mlops-nb-verdict';
  panel.header.addWidget(verdict);

  const sections: [Section, string, Draw][] = [
    [
      'runs',
      trans.__('Runs'),
      ({ runs }) => <Runs answer={runs} actions={actions} trans={trans} />
    ],
    [
      'lineage',
      trans.__('Lineage'),
      ({ lineage }) => (
        <Lineage answer={lineage} actions={actions} trans={trans} />
      )
    ],
    [
      'pipelines',
      trans.__('Pipelines'),
      ({ pipelines }) => (
        <Pipelines answer={pipelines} actions={actions} trans={trans} />
      )
    ],
    [
      'models',
      trans.__('Models'),
      ({ models }) => <Models answer={models} actions={actions} trans={trans} />
    ],
    [
      'drift',
      trans.__('Drift'),
      ({ drift }) => <Drift answer={drift} actions={actions} trans={trans} />
    ]
  ];
  const bodies = sections.map(([section, label, draw]) => {
    const body = new SectionBody(model, section, draw);
    body.id = `mlops-nb-${section}`;
    body.title.label = label;
    body.node.setAttribute('role', 'region');
    panel.addWidget(body);
    return body;
  });
  const fit = fitToContent(panel.content as AccordionPanel, i =>
    bodies[i].contentHeight()
  );
  bodies.forEach(body => body.resized.connect(fit));
  return panel;
}

/** The project's name, and how much is in it. */
export function Summary(props: {
  answer: IAnswer<IStatus>;
  refresh: () => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { answer, trans } = props;
  const status = answer.value;
  if (answer.failure?.isNoProject) {
    return (
      <div role="status">
        <Hint
          text={trans.__(
            'No project here yet. Type `%load_ext mlops_nb` in a notebook or `mlops init` in a terminal.'
          )}
        />
      </div>
    );
  }
  return (
    <div className="jp-Mlops-summary" title={status?.project}>
      <span className="jp-Mlops-name" role="status">
        {status && format.basename(status.project)}
      </span>
      <Action
        label=""
        icon={refreshIcon}
        title={trans.__('Refresh')}
        onClick={props.refresh}
      />
      {status && (
        <span className="jp-Mlops-second">
          {trans._n('%1 run', '%1 runs', status.runs)}
          {' · '}
          {trans._n('%1 cell', '%1 cells', status.executions)}
          {' · '}
          {trans._n('%1 model', '%1 models', status.models)}
        </span>
      )}
    </div>
  );
}
