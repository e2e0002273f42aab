// Generated from the Python records by `python -m mlops_nb.surfaces.typescript`; do not edit.

export type JSONValue =
  | null
  | boolean
  | number
  | string
  | JSONValue[]
  | { [key: string]: JSONValue };

/** One move of an alias: to which version, why, by whom and when. */
export interface IAlias {
  model: string;
  alias: string;
  version: number;
  reason: string;
  actor: string;
  at: string | null;
}

/** A file's content: its stable ID, hash, size in bytes, where it was last seen, and whether a copy is kept. */
export interface IArtifact {
  id: string;
  name: string;
  hash: string;
  size: number;
  stored: boolean;
  created: string | null;
}

/** One act: who did what to which thing, when, with which arguments. */
export interface IAuditEntry {
  at: string | null;
  actor: string;
  verb: string;
  subject: string;
  arguments: { [key: string]: JSONValue };
  hash: string;
}

/** What moved a metric: ``good`` and ``bad`` are the neighbours between which it turned, ``cause`` the changes. */
export interface IBisection {
  metric: string;
  good: IPoint;
  bad: IPoint;
  limit: string;
  conclusion: string;
  cause: IChange[];
  environment: IEnvironmentChange[];
  history: IPoint[];
  tried: ITried[];
  notes: string[];
  runs: number;
  reused: number;
}

/** What the cache did about one cell: restored from an earlier execution, or run, and why. */
export interface ICachedCell {
  count: number | null;
  cell: string | null;
  execution: string;
  restored_from: string | null;
  reason: string;
  deciding: number;
  saved: number;
}

/** One candidate of a search, or one fold of a cross-validation. */
export interface ICandidate {
  position: number;
  parameters: { [key: string]: JSONValue };
  metrics: { [key: string]: number };
}

/** Whether the cache is on in this process, what it holds in bytes, and the cells of the last run that it saw. */
export interface ICellCacheState {
  on: boolean;
  entries: number;
  size: number;
  limit: number;
  restored: number;
  saved: number;
  cells: ICachedCell[];
}

/** A cell that was added, removed, changed or moved; ``position`` counts from 1, in B, or in A if it was removed. */
export interface ICellChange {
  kind: string;
  cell: string | null;
  step: string | null;
  position: number;
  before: string | null;
  after: string | null;
  explains: boolean;
}

/** The verdict of one code cell of a notebook: what it showed, and what it made. */
export interface ICellVerdict {
  cell: string;
  position: number;
  execution_count: number | null;
  verdict: string;
  reasons: IReason[];
  source: string;
}

/** A single change from A to B: of a cell, a parameter or data; ``before`` and ``after`` are sources or versions. */
export interface IChange {
  kind: string;
  name: string;
  before: string | null;
  after: string | null;
}

/** One question and its answer: passed, failed, or broken where it could not be asked; and why in words. */
export interface ICheck {
  kind: string;
  name: string;
  verdict: string;
  detail: string;
  seconds: number;
}

/** What was kept of a kernel: its names, and those that could not be kept with the reason. */
export interface ICheckpoint {
  id: string;
  name: string;
  created: string | null;
  bytes: number;
  names: string[];
  left_out: { [key: string]: string };
}

/** What nothing refers to any more. */
export interface ICollected {
  items: number;
  bytes: number;
  removed: boolean;
}

/** The verdict on one column, and the shares of reference and current rows in each bin of its picture. */
export interface IColumnDrift {
  column: string;
  kind: string;
  test: string;
  statistic: number;
  threshold: number;
  p_value: number;
  psi: number;
  drifted: boolean;
  labels: string[];
  reference: number[];
  current: number[];
}

/** Where a column comes from and what it feeds. */
export interface IColumnLineage {
  id: string;
  name: string;
  column: string;
  sources: IColumnLink[];
  targets: IColumnLink[];
}

/** A column that another comes from or feeds: how, over how many steps, and whether that is an assumption. */
export interface IColumnLink {
  id: string;
  kind: string;
  name: string;
  column: string;
  relation: string;
  assumed: boolean;
  steps: number;
}

/** One recorded result and the new one: their hashes, whether they agree, on which rung, and in words how. */
export interface ICompared {
  name: string;
  kind: string;
  verdict: string;
  detail: string;
  rung: string | null;
  then: string;
  now: string | null;
}

/** One success criterion, the value it was held against, and the verdict; a missing value fails. */
export interface ICriterion {
  name: string;
  value: number | null;
  limit: string;
  passed: boolean;
}

/** A table that passed a boundary; ``reason`` says why it has no fingerprint, where it has none. */
export interface ICrossing {
  id: string;
  name: string;
  boundary: string;
  rows: number | null;
  columns: { [key: string]: JSONValue };
  fingerprint: string | null;
  reason: string | null;
  dataset: string | null;
  created: string | null;
}

/** What differs in data: ``name`` is the thing, ``column`` its column where it is about one. */
export interface IDataChange {
  name: string;
  kind: string;
  column: string | null;
  before: JSONValue;
  after: JSONValue;
  detail: string;
  explains: boolean;
}

/** One version of a named dataset; ``columns`` holds the profile of each column by name. */
export interface IDataset {
  id: string;
  name: string;
  version: number;
  rows: number;
  columns: { [key: string]: JSONValue };
  fingerprint: string;
  created: string | null;
  run: string | null;
}

/** One thing in full. */
export interface IDetail {
  id: string;
  kind: string;
  name: string;
  facts: { [key: string]: JSONValue };
  source: string | null;
  outputs: IOutput[];
  children: IGraphNode[];
}

/** What differs between A and B, and what nobody can know; each list begins with the likeliest causes. */
export interface IDifference {
  a: string;
  b: string;
  cells: ICellChange[];
  parameters: IParameterChange[];
  data: IDataChange[];
  environment: IEnvironmentChange[];
  metrics: IMetricChange[];
  unknown: string[];
  explanation: IExplanation | null;
}

/** One comparison of current with reference data. */
export interface IDriftReport {
  id: string;
  name: string;
  reference: string;
  current: string;
  created: string | null;
  drifted: boolean;
  alpha: number;
  effect: number;
  columns: IColumnDrift[];
}

/** A change made alone to A (or with those it cannot run without): the metric then, and by how much it moved. */
export interface IEffect {
  change: string;
  kind: string;
  detail: string;
  verdict: string;
  value: number | null;
  effect: number | null;
  note: string | null;
}

/** A package, or ``python``, ``platform``, a condition, ``git commit`` or ``uncommitted changes``, that is another. */
export interface IEnvironmentChange {
  name: string;
  before: string | null;
  after: string | null;
  imported: boolean;
  needed: boolean;
}

/** What differs between two environments, what cells import first; ``unknown`` is what could not be looked at. */
export interface IEnvironmentDifference {
  a: string;
  b: string;
  changes: IEnvironmentChange[];
  unknown: string[];
}

/** What moved a metric from A to B: the effect of each change alone, and the rest, which could not be separated. */
export interface IExplanation {
  metric: string;
  recorded: number[];
  before: number | null;
  after: number | null;
  effects: IEffect[];
  rest: number | null;
  chance: number;
  notes: string[];
  refused: string | null;
  runs: number;
  reused: number;
}

/** What was written: events, records or entities, in so many files, and what is only named because it is gone. */
export interface IExport {
  run: string;
  format: string;
  path: string;
  entries: number;
  files: number;
  bytes: number;
  missing: string[];
}

/** The files that make a container of an environment, what is not in it, and what is to be said. */
export interface IExported {
  ref: string | null;
  environment: string;
  files: string[];
  local: string[];
  notes: string[];
}

/** One call that trained something; ``note`` says what of it is not recorded, and why. */
export interface IFit {
  id: string;
  kind: string;
  estimator: string;
  run: string;
  started: string | null;
  seconds: number | null;
  rows: number | null;
  features: number | null;
  parameters: { [key: string]: JSONValue };
  metrics: { [key: string]: number };
  candidates: number;
  kept: boolean;
  note: string | null;
}

/** The verdict on a model version, criterion by criterion. */
export interface IGate {
  model: string;
  version: number;
  passed: boolean;
  criteria: ICriterion[];
}

/** Nodes and edges; ``truncated`` says that there are more than were asked for. */
export interface IGraph {
  nodes: IGraphNode[];
  edges: IGraphEdge[];
  truncated: boolean;
}

/** A step of the data: what ``source`` gave to ``target``: it was read, it wrote, or it became by a change. */
export interface IGraphEdge {
  source: string;
  target: string;
  kind: string;
}

/** A thing that lineage connects; ``status`` is how it ended, where it is something that runs. */
export interface IGraphNode {
  id: string;
  kind: string;
  name: string;
  status: string | null;
}

/** What would be affected by a change of a thing, by kind, newest first. */
export interface IImpact {
  ref: string;
  models: IGraphNode[];
  datasets: IGraphNode[];
  files: IGraphNode[];
  figures: IGraphNode[];
  reports: IGraphNode[];
  variables: IGraphNode[];
  cells: IGraphNode[];
  truncated: boolean;
}

/** Whether everything passed, and every check. */
export interface IIntegration {
  passed: boolean;
  checks: ICheck[];
}

/** A locked environment: the files that were written, what is pinned, and what is not or disagrees. */
export interface ILock {
  ref: string | null;
  environment: string;
  python: string;
  platform: string;
  packages: { [key: string]: string };
  local: string[];
  notes: string[];
  files: string[];
}

/** A metric that was added, removed or changed; a value that is not a number, and one not logged, is None. */
export interface IMetricChange {
  kind: string;
  name: string;
  before: number | null;
  after: number | null;
  difference: number | null;
}

/** One version of a model. */
export interface IModelVersion {
  id: string;
  name: string;
  version: number;
  aliases: string[];
  run: string | null;
  created: string | null;
  metrics: { [key: string]: number };
  parameters: { [key: string]: JSONValue };
  signature: { [key: string]: JSONValue } | null;
  intent: string | null;
  gate: IGate | null;
}

/** The verdicts of every code cell of a notebook, and the worst of them. */
export interface INotebookVerdict {
  notebook: string;
  recorded: boolean;
  verdict: string;
  cells: ICellVerdict[];
}

/** One representation of one output of a cell; ``data`` is base64 where it is an image of bytes. */
export interface IOutput {
  mime: string;
  text: string | null;
  data: string | null;
  truncated: boolean;
}

/** Runs, lineage, pipelines, models and drift of a project. */
export interface IPanel {
  status: IStatus;
  runs: IRun[];
  lineage: IGraph;
  pipelines: IPipeline[];
  models: IModelVersion[];
  reports: IDriftReport[];
}

/** A parameter that was added, removed or changed; ``explains`` where a changed metric came from its name. */
export interface IParameterChange {
  kind: string;
  name: string;
  before: JSONValue;
  after: JSONValue;
  explains: boolean;
}

/** The notebook as it was when an execution ran, and what is not known of it or missing in it. */
export interface IPast {
  ref: string;
  execution: string;
  execution_count: number | null;
  started: string | null;
  notebook: string | null;
  cells: IPastCell[];
  missing: string[];
}

/** A cell as it had run last, and what the notebook did to it since: ``edited``, ``deleted``, or nothing. */
export interface IPastCell {
  execution: string;
  cell: string | null;
  execution_count: number | null;
  source: string;
  raises: string | null;
  since: string | null;
}

/** A pipeline, its steps in order, and its last run; ``problem`` says why it could not run as it stands. */
export interface IPipeline {
  name: string;
  run: string | null;
  steps: IStep[];
  problem: string | null;
}

/** A run of a pipeline: the steps that were reached, those that were not, and the failure if there was one. */
export interface IPipelineRun {
  id: string;
  name: string;
  status: string;
  seconds: number;
  steps: IStep[];
  pending: string[];
  failure: string | null;
  refused: boolean;
}

/** A run, or a model version, with the metric that it had. */
export interface IPoint {
  ref: string;
  value: number;
  at: string | null;
  verdict: string;
}

/** Whether the store is whole, and every problem found. */
export interface IProof {
  ok: boolean;
  problems: string[];
}

/** The verdict of a contract on a table. */
export interface IQuality {
  contract: string;
  passed: boolean;
  rows: number;
  rules: IRule[];
}

/** What speaks against a value: how bad it is, the cell, and what it is in words. */
export interface IReason {
  verdict: string;
  cell: string | null;
  execution_count: number | null;
  what: string;
}

/** Whether a thing came out again, and on which rung all of it did. */
export interface IReproduction {
  ref: string;
  verdict: string;
  rung: string | null;
  compared: ICompared[];
  slice: number;
  environment: string;
  reason: string | null;
  created: string | null;
  fixed: boolean | null;
}

/** A built environment: where it is, its kernel, whether it was there already, and how it is not as recorded. */
export interface IRestored {
  ref: string;
  environment: string;
  folder: string;
  python: string;
  kernel: string;
  packages: number;
  built: boolean;
  seconds: number;
  differences: string[];
  notes: string[];
}

/** What a checkpoint brought back, which names were removed, and those it did not hold, with the reason. */
export interface IRestoredState {
  id: string;
  name: string;
  restored: string[];
  removed: string[];
  left_out: { [key: string]: string };
}

/** One rule of a contract and how many rows broke it. */
export interface IRule {
  column: string;
  rule: string;
  passed: boolean;
  failures: number;
  examples: JSONValue[];
}

/** One run and how it ended. */
export interface IRun {
  id: string;
  kind: string;
  name: string;
  notebook: string | null;
  status: string;
  started: string | null;
  ended: string | null;
  parent: string | null;
  reason: string | null;
  caller: string | null;
  parameters: { [key: string]: JSONValue };
  metrics: { [key: string]: number };
}

/** The least program that makes a value again, the files it needs, and what nobody can be sure of. */
export interface ISlice {
  ref: string;
  cells: ISliceCell[];
  files: ISliceFile[];
  uncheckable: string[];
}

/** One execution in a slice; ``raises`` is the error that it must raise again, if it failed. */
export interface ISliceCell {
  execution: string;
  cell: string | null;
  execution_count: number | null;
  source: string;
  raises: string | null;
}

/** A file that a slice needs and does not write itself: its place, and the hash of its content if it is known. */
export interface ISliceFile {
  path: string;
  hash: string | null;
  stored: boolean;
}

/** What a project holds, and whether anything in it is unfinished. */
export interface IStatus {
  project: string;
  runs: number;
  running: number;
  executions: number;
  datasets: number;
  files: number;
  models: number;
  reports: number;
  bytes: number;
}

/** A step of a pipeline and how it went the last time: ran, cached, failed, running, aborted or pending. */
export interface IStep {
  name: string;
  notebook: string;
  needs: string[];
  produces: string[];
  parameters: { [key: string]: JSONValue };
  status: string;
  seconds: number | null;
  reason: string;
  run: string | null;
}

/** A mixture that ran: the changes that were made to the good program, and what it came to. */
export interface ITried {
  changes: string[];
  value: number | null;
  verdict: string;
  failure: string | null;
}

/** Whether a value is what its notebook says. */
export interface IVerdict {
  ref: string;
  verdict: string;
  reasons: IReason[];
}

/** What each verb answers. */
export interface IAnswers {
  at: IPast;
  bisect: IBisection;
  cache: ICellCacheState;
  candidates: ICandidate[];
  check: IQuality | IVerdict | INotebookVerdict;
  checkpoint: ICheckpoint;
  checkpoints: ICheckpoint[];
  ci: IIntegration;
  columns: IColumnLineage;
  dataset: IDataset;
  datasets: IDataset[];
  diff: IDifference;
  drift: IDriftReport;
  'env/diff': IEnvironmentDifference;
  'env/export': IExported;
  'env/lock': ILock;
  'env/restore': IRestored;
  export: IExport;
  fits: IFit[];
  fsck: IProof;
  gate: IGate;
  gc: ICollected;
  impact: IImpact;
  lineage: IGraph;
  log: IAuditEntry[];
  'log-artifact': IArtifact;
  'log-metric': null;
  'log-param': null;
  models: IModelVersion[];
  panel: IPanel;
  pipelines: IPipeline[];
  promote: IAlias;
  register: IModelVersion;
  reports: IDriftReport[];
  reproduce: IReproduction;
  restore: IRestoredState;
  run: IPipelineRun;
  runs: IRun[];
  show: IDetail;
  slice: ISlice;
  status: IStatus;
  tables: ICrossing[];
}
