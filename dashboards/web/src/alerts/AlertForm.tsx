/** Makes an alert, and says meanwhile how often it would have fired. */

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../accounts/questions';
import { present } from '../api/api';
import { useServices } from '../app/services';
import { FilterBar } from '../filters/FilterBar';
import { useFilters } from '../filters/useFilters';
import { CredentialsForm, Field, textOf } from '../session/CredentialsForm';
import { useExplanation } from '../session/explanations';
import { Card } from '../ui/Card';
import {
  type AlertBody,
  type AlertTerms,
  type AlertView,
  asked,
  hasThreshold,
  METRICS,
  NO_DATA,
  TESTS,
  thresholdOf,
  typedOf,
  unitOf,
  useAlertWords,
  WIDTHS,
} from './alerts';

const PAUSE_MILLISECONDS = 400;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

interface Chosen {
  readonly metric: string;
  readonly test: (typeof TESTS)[number];
  readonly width: (typeof WIDTHS)[number];
  readonly no_data: (typeof NO_DATA)[number];
  readonly typed: string;
}

const USUAL: Chosen = {
  metric: 'cost_usd',
  test: 'times_usual',
  // By the hour small numbers fire on chance.
  width: 'day',
  no_data: 'ignore',
  typed: '2',
};

interface FormProps {
  /** The alert that is changed; absent: a new one is made. */
  readonly alert?: AlertView;
  readonly onMade: () => void;
  readonly onCancel: () => void;
}

/** The filters of the alert are those of the bar, in the address. */
export function AlertForm({ alert, onMade, onCancel }: FormProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const words = useAlertWords();
  const { filters } = useFilters();
  const [chosen, setChosen] = useState(alert ? chosenOf(alert) : USUAL);
  const [name, setName] = useState<string | null>(alert?.name ?? null);
  const fieldset = useRef<HTMLDivElement>(null);
  // The button that opened the form may be far below it.
  useEffect(() => fieldset.current?.querySelector('select')?.focus(), []);
  const terms = termsOf(chosen, asked(filters));
  const make = useChange(async (body: AlertBody) =>
    present(
      (alert
        ? await api.client.PUT('/api/v1/alerts/{alert_id}', {
            params: { path: { alert_id: alert.id } },
            body,
          })
        : await api.client.POST('/api/v1/alerts', { body })
      ).data,
    ),
  );
  const title = alert ? t('alerts.changeOf', { name: alert.name }) : t('alerts.make');
  const judged = terms && words.terms({ threshold: null, ...terms, filters: terms.filters ?? [] });
  const suggested = judged?.slice(0, 100) ?? '';
  const change = ({ target }: FormEvent<HTMLDivElement>) => {
    const { name: field, value } = target as HTMLInputElement;
    if (field in USUAL) setChosen((before) => ({ ...before, [field]: value }));
  };
  return (
    <Card
      title={title}
      note={t('alerts.makeNote')}
      actions={
        <button type="button" className="button" onClick={onCancel}>
          {t('confirm.cancel')}
        </button>
      }
    >
      <FilterBar />
      <CredentialsForm
        action={t(alert ? 'alerts.save' : 'alerts.create')}
        check={(fields) =>
          problemsOf(fields, terms, {
            number: t('alerts.problem.number'),
            empty: t('session.problem.empty'),
            chats: t('alerts.problem.chats'),
            webhook: t('alerts.problem.webhook'),
            quiet: t('alerts.problem.quiet'),
          })
        }
        explain={(error) => ({ '': explain(error) })}
        onSubmit={async (fields) => {
          if (terms) await make.mutateAsync(bodyOf(fields, terms));
          onMade();
        }}
      >
        {(problems) => (
          <div ref={fieldset} className="alert-fields" onInput={change}>
            <Choice
              name="metric"
              label={t('alerts.what')}
              initial={chosen.metric}
              options={withCurrent(METRICS, alert?.metric)}
              nameOf={words.metric}
            />
            <Choice
              name="width"
              label={t('alerts.window')}
              initial={chosen.width}
              options={WIDTHS}
              nameOf={(width) => t(`alerts.width.${width}`)}
            />
            <Choice
              name="test"
              label={t('alerts.when')}
              initial={chosen.test}
              options={TESTS}
              nameOf={(test) => t(`alerts.test.${test}`)}
            />
            {hasThreshold(chosen.test) && (
              <Field
                name="typed"
                label={t(`alerts.unit.${unitOf(chosen.metric, chosen.test)}`)}
                initial={chosen.typed}
                problem={problems.typed}
                autoComplete="off"
                maxLength={16}
              />
            )}
            <Choice
              name="no_data"
              label={t('alerts.noData')}
              initial={chosen.no_data}
              options={NO_DATA}
              nameOf={(meaning) => t(`alerts.noDataMeans.${meaning}`)}
            />
            <div className="wide">
              <Preview terms={terms} />
            </div>
            <div className="wide">
              <label className="field">
                <span className="field-name">{t('alerts.name')}</span>
                <input
                  name="name"
                  value={name ?? suggested}
                  maxLength={100}
                  autoComplete="off"
                  aria-invalid={problems.name ? true : undefined}
                  onChange={(event) => setName(event.target.value)}
                />
              </label>
              <p className="field-error">{problems.name}</p>
            </div>
            <label className="checked">
              <input
                type="checkbox"
                name="to_operator"
                defaultChecked={alert?.to_operator ?? true}
              />
              {t('alerts.toOperator')}
            </label>
            <Field
              name="chats"
              label={t('alerts.chats')}
              hint={t('alerts.chatsHint')}
              initial={alert?.chat_ids?.join(', ') ?? ''}
              problem={problems.chats}
              autoComplete="off"
              maxLength={120}
            />
            <Field
              name="webhook"
              label={t('alerts.webhook')}
              hint={t('alerts.webhookHint')}
              initial={alert?.webhook_url ?? ''}
              problem={problems.webhook}
              autoComplete="off"
              maxLength={1000}
            />
            <Hours name="quiet_from" label={t('alerts.quietFrom')} initial={alert?.quiet_from} />
            <Hours name="quiet_until" label={t('alerts.quietUntil')} initial={alert?.quiet_until} />
            {problems.quiet && <p className="field-error wide">{problems.quiet}</p>}
          </div>
        )}
      </CredentialsForm>
    </Card>
  );
}

function chosenOf(alert: AlertView): Chosen {
  return {
    metric: alert.metric,
    test: alert.test as Chosen['test'],
    width: alert.width as Chosen['width'],
    no_data: alert.no_data as Chosen['no_data'],
    typed: typedOf(alert),
  };
}

/** The API may have made the alert about a metric that is not offered. */
function withCurrent(metrics: readonly string[], current: string | undefined) {
  return current === undefined || metrics.includes(current) ? metrics : [current, ...metrics];
}

function termsOf(chosen: Chosen, filters: unknown[]): AlertTerms | null {
  const { metric, test, width, no_data, typed } = chosen;
  const threshold = thresholdOf(typed, metric, test);
  if (hasThreshold(test) && threshold === null) return null;
  return { metric, test, width, no_data, threshold, filters };
}

interface Words {
  readonly number: string;
  readonly empty: string;
  readonly chats: string;
  readonly webhook: string;
  readonly quiet: string;
}

function problemsOf(fields: FormData, terms: AlertTerms | null, words: Words) {
  const [from, until] = [textOf(fields, 'quiet_from'), textOf(fields, 'quiet_until')];
  return {
    ...(terms ? {} : { typed: words.number }),
    ...(textOf(fields, 'name').trim() ? {} : { name: words.empty }),
    ...(/^[\s,]*(-?\d{1,18}[\s,]*){0,5}$/.test(textOf(fields, 'chats'))
      ? {}
      : { chats: words.chats }),
    ...(/^(https?:\/\/[^\s/@]+(\/\S*)?)?$/.test(textOf(fields, 'webhook').trim())
      ? {}
      : { webhook: words.webhook }),
    ...((from === '') === (until === '') && (from === '' || from !== until)
      ? {}
      : { quiet: words.quiet }),
  };
}

function bodyOf(fields: FormData, terms: AlertTerms): AlertBody {
  const hour = (name: string) => {
    const value = textOf(fields, name);
    return value === '' ? null : Number(value);
  };
  return {
    ...terms,
    name: textOf(fields, 'name').trim(),
    to_operator: fields.has('to_operator'),
    chat_ids: (textOf(fields, 'chats').match(/-?\d+/g) ?? []).map(Number),
    webhook_url: textOf(fields, 'webhook').trim() || null,
    quiet_from: hour('quiet_from'),
    quiet_until: hour('quiet_until'),
  };
}

interface ChoiceProps<T extends string> {
  readonly name: string;
  readonly label: string;
  readonly initial: T;
  readonly options: readonly T[];
  readonly nameOf: (option: T) => string;
}

function Choice<T extends string>({ name, label, initial, options, nameOf }: ChoiceProps<T>) {
  return (
    <label className="field">
      <span className="field-name">{label}</span>
      <select name={name} defaultValue={initial}>
        {options.map((option) => (
          <option key={option} value={option}>
            {nameOf(option)}
          </option>
        ))}
      </select>
    </label>
  );
}

interface HoursProps {
  readonly name: string;
  readonly label: string;
  readonly initial: number | null | undefined;
}

function Hours({ name, label, initial }: HoursProps) {
  return (
    <label className="field">
      <span className="field-name">{label}</span>
      <select name={name} defaultValue={initial ?? ''}>
        <option value="">–</option>
        {HOURS.map((hour) => (
          <option key={hour} value={hour}>
            {`${String(hour).padStart(2, '0')}:00`}
          </option>
        ))}
      </select>
    </label>
  );
}

/** How often these terms would have made it fire. */
function Preview({ terms }: { readonly terms: AlertTerms | null }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const settled = useSettled(terms);
  const preview = useQuery({
    queryKey: ['alert-preview', settled],
    queryFn: async ({ signal }) => {
      const body = settled as AlertTerms;
      return present((await api.client.POST('/api/v1/alerts/preview', { body, signal })).data);
    },
    enabled: settled !== null,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const found = preview.data;
  return (
    <p className="alert-preview" role="status">
      {preview.isError && explain(preview.error)}
      {!preview.isError && !found && t('state.loading')}
      {!preview.isError && found && (
        <>
          <strong>{t('alerts.wouldHaveFired', { count: found.fired })}</strong>
          {found.learning > 0 && ` ${t('alerts.learning', { count: found.learning })}`}
        </>
      )}
    </p>
  );
}

/** The terms once nothing was changed for a moment. */
function useSettled(terms: AlertTerms | null): AlertTerms | null {
  const written = JSON.stringify(terms);
  const [settled, setSettled] = useState(written);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(written), PAUSE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [written]);
  return JSON.parse(settled) as AlertTerms | null;
}
