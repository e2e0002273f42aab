import { IDetail, IModelVersion } from './api';
import { Section } from './model';

/** What a person can do from a section. */
export interface IActions {
  /** Ask the server again for this section. */
  retry: (section: Section) => void;
  /** Everything about one record. */
  show: (ref: string) => Promise<IDetail>;
  /** Open the lineage graph around a record (or of the project). */
  openLineage: (ref?: string) => void;
  /** Ask for an alias and a reason, then promote. */
  promote: (version: IModelVersion) => Promise<void>;
}
