import { TranslationBundle } from '@jupyterlab/translation';

/** How a verdict is put into words. */
export interface ITerms {
  word: string;
  /** With a capital, to stand alone. */
  title: string;
  meaning: string;
  amount: (count: number) => string;
}

/** The words for a verdict. */
export function terms(verdict: string, trans: TranslationBundle): ITerms {
  switch (verdict) {
    case 'clean':
      return {
        word: trans.__('clean'),
        title: trans.__('Clean'),
        meaning: trans.__('The notebook as it stands would make this again.'),
        amount: count => trans.__('%1 clean', count)
      };
    case 'stale':
      return {
        word: trans.__('stale'),
        title: trans.__('Stale'),
        meaning: trans.__('What this was made from has changed since.'),
        amount: count => trans.__('%1 stale', count)
      };
    case 'tainted':
      return {
        word: trans.__('tainted'),
        title: trans.__('Tainted'),
        meaning: trans.__(
          'Run from top to bottom, the notebook as it stands would not make this.'
        ),
        amount: count => trans.__('%1 tainted', count)
      };
    default:
      return {
        word: trans.__('uncheckable'),
        title: trans.__('Uncheckable'),
        meaning: trans.__('Nobody can say whether this would be made again.'),
        amount: count => trans.__('%1 uncheckable', count)
      };
  }
}
