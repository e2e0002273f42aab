import { LabIcon } from '@jupyterlab/ui-components';

import cleanSvg from '../style/icons/clean.svg';
import mlopsSvg from '../style/icons/mlops.svg';
import staleSvg from '../style/icons/stale.svg';
import taintedSvg from '../style/icons/tainted.svg';
import uncheckableSvg from '../style/icons/uncheckable.svg';

export const mlopsIcon = new LabIcon({
  name: 'mlops-nb:mlops',
  svgstr: mlopsSvg
});

/** The signs of the verdicts: told apart by their shapes alone. */
export const verdictIcons: { [verdict: string]: LabIcon } = {
  clean: new LabIcon({ name: 'mlops-nb:clean', svgstr: cleanSvg }),
  stale: new LabIcon({ name: 'mlops-nb:stale', svgstr: staleSvg }),
  tainted: new LabIcon({ name: 'mlops-nb:tainted', svgstr: taintedSvg }),
  uncheckable: new LabIcon({
    name: 'mlops-nb:uncheckable',
    svgstr: uncheckableSvg
  })
};
