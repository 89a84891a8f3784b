/** The shapes of answers, named as the OpenAPI document names them. */

import type { components, paths } from './schema';

type Schemas = components['schemas'];

export type Dashboard = Schemas['Dashboard'];
export type Totals = Schemas['Totals'];
export type Summary = Schemas['Summary'];
export type Person = Schemas['Person'];
export type RecentDialog = Schemas['DialogView'];
export type TopUser = Schemas['TopUser'];
export type Costs = Schemas['Costs'];
export type ModelRow = Schemas['ModelRow'];
export type CauseRow = Schemas['CauseRow'];
export type CommandUse = Schemas['CommandUse'];
export type RatedGroup = Schemas['RatedGroup'];
export type Funnel = Schemas['Funnel'];
export type FunnelRow = Schemas['FunnelRow'];
export type FunnelStep = Schemas['FunnelStep'];
export type Forecast = Schemas['Forecast'];
export type Freshness = Schemas['Freshness'];
export type Quality = Schemas['Quality'];
export type CheckResult = Schemas['CheckResult'];
export type LastMinutes = Schemas['LastMinutes'];
export type QualityAnswer = Schemas['QualityAnswer'];
export type ReconciledDay = Schemas['ReconciledDay'];
export type ListedTurn = Schemas['ListedTurn'];
export type PersonTotals = Schemas['PersonTotals'];
export type DialogFailures = Schemas['DialogFailures'];
export type QueryResult = Schemas['QueryResult'];
export type NamedPeople = Schemas['NamedPeople'];
export type DialogText = Schemas['DialogText'];
/** Where in a dialog its texts are read. */
export type TextPlace = Pick<
  NonNullable<paths['/api/v1/dialogs/{dialog_id}/text']['get']['parameters']['query']>,
  'after' | 'before' | 'turn' | 'newest'
>;
export type BadAnswerList = Schemas['BadAnswerList'];

/** Every route that answers a GET with statistics. */
export type ReportPath = Extract<keyof paths, `/api/v1/stats${string}`>;
export type ReportQuery<P extends ReportPath> = paths[P] extends { get: { parameters: infer R } }
  ? R extends { query?: infer Q }
    ? NonNullable<Q>
    : never
  : never;
export type ReportAnswer<P extends ReportPath> = paths[P] extends {
  get: { responses: { 200: { content: { 'application/json': infer A } } } };
}
  ? A
  : never;
