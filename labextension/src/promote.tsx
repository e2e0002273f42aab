import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IModelVersion } from './api';
import { asFailure } from './model';

/** What a person says to promote a version. */
export interface IPromotion {
  alias: string;
  reason: string;
}

/** The fields of the dialog, and what the server refused last time. */
export function PromotionFields(props: {
  initial: IPromotion;
  refusal: string | null;
  trans: TranslationBundle;
  onChange: (promotion: IPromotion) => void;
}): JSX.Element {
  const { trans } = props;
  const [promotion, setPromotion] = React.useState(props.initial);
  const fields = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    // The dialog looks for what is missing when somebody types; so also at the start.
    fields.current?.dispatchEvent(new Event('input', { bubbles: true }));
  }, []);
  const change = (part: Partial<IPromotion>) => {
    const next = { ...promotion, ...part };
    setPromotion(next);
    props.onChange(next);
  };
  return (
    <div ref={fields} className="jp-Mlops-promotion">
      {props.refusal !== null && (
        <p className="jp-Mlops-trouble" role="alert">
          {props.refusal}
        </p>
      )}
      <label>
        {trans.__('Alias')}
        <input
          className="jp-mod-styled"
          required
          value={promotion.alias}
          onChange={event => change({ alias: event.target.value })}
        />
      </label>
      <label>
        {trans.__('Reason')}
        <textarea
          className="jp-mod-styled"
          required
          autoFocus
          rows={3}
          placeholder={trans.__('Why this version, why now')}
          value={promotion.reason}
          onChange={event => change({ reason: event.target.value })}
        />
      </label>
    </div>
  );
}

class PromotionForm
  extends ReactWidget
  implements Dialog.IBodyWidget<IPromotion>
{
  constructor(
    private promotion: IPromotion,
    private readonly refusal: string | null,
    private readonly trans: TranslationBundle
  ) {
    super();
  }

  getValue(): IPromotion {
    return this.promotion;
  }

  render(): JSX.Element {
    return (
      <PromotionFields
        initial={this.promotion}
        refusal={this.refusal}
        trans={this.trans}
        onChange={promotion => {
          this.promotion = promotion;
        }}
      />
    );
  }
}

/**
 * Ask for alias and reason and promote; a refusal comes back in the dialog,
 * with what was typed, until the person succeeds or cancels.
 */
export async function askToPromote(
  version: IModelVersion,
  promote: (promotion: IPromotion) => Promise<unknown>,
  trans: TranslationBundle
): Promise<void> {
  let promotion: IPromotion = { alias: 'champion', reason: '' };
  let refusal: string | null = null;
  for (;;) {
    const result: Dialog.IResult<IPromotion> = await showDialog({
      title: trans.__('Promote %1 version %2', version.name, version.version),
      body: new PromotionForm(promotion, refusal, trans),
      buttons: [
        Dialog.cancelButton(),
        Dialog.okButton({ label: trans.__('Promote') })
      ]
    });
    if (!result.button.accept || result.value === null) {
      return;
    }
    promotion = result.value;
    try {
      await promote(promotion);
      return;
    } catch (error) {
      refusal = asFailure(error).message;
    }
  }
}
