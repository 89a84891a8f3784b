/** What the page is narrowed to, as chips, and a form for one filter more. */

import { type FormEvent, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useReport } from '../api/useReport';
import { periodQuery } from '../period/query';
import { useView } from '../period/useView';
import { Clipped } from '../ui/Clipped';
import { Icon } from '../ui/Icon';
import {
  CHAT_TYPES,
  DIMENSIONS,
  type Dimension,
  type Filter,
  type Operator,
  readFilter,
  STATUSES,
  writeFilter,
} from './filters';
import { useFilterNames } from './useFilterNames';
import { useFilters } from './useFilters';
import './filters.css';

export function FilterBar() {
  const { t } = useTranslation();
  const { filters, add, replace } = useFilters();
  const [isOpen, setOpen] = useState(false);
  const put = (old: Filter, next: Filter) =>
    replace(filters.map((one) => (one === old ? next : one)));
  const apply = (filter: Filter) => {
    add(filter);
    setOpen(false);
  };
  return (
    <section className="filter-bar" aria-label={t('filter.label')}>
      <div className="filter-row">
        {filters.map((filter) => (
          <Chip
            key={writeFilter(filter)}
            filter={filter}
            onTurn={() => put(filter, { ...filter, operator: opposite(filter.operator) })}
            onRemove={() => replace(filters.filter((one) => one !== filter))}
          />
        ))}
        <button
          type="button"
          className="button quiet"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="filter" />
          {t('filter.add')}
        </button>
        {filters.length > 1 && (
          <button type="button" className="button quiet" onClick={() => replace([])}>
            {t('filter.clear')}
          </button>
        )}
      </div>
      {isOpen && <FilterForm onApply={apply} />}
    </section>
  );
}

function opposite(operator: Operator): Operator {
  return operator === 'is' ? 'is_not' : 'is';
}

interface ChipProps {
  readonly filter: Filter;
  readonly onTurn: () => void;
  readonly onRemove: () => void;
}

function Chip({ filter, onTurn, onRemove }: ChipProps) {
  const { t } = useTranslation();
  const names = useFilterNames();
  const whole = names.filter(filter);
  const values = filter.values.map((value) => names.value(filter.dimension, value));
  return (
    <span className="chip">
      <span>{names.dimension(filter.dimension)}</span>
      <button
        type="button"
        className="chip-operator"
        aria-label={t('filter.turn', { filter: whole })}
        title={t('filter.turn', { filter: whole })}
        onClick={onTurn}
      >
        {t(`filter.operator.${filter.operator}`)}
      </button>
      <strong>
        <Clipped text={values.join(', ')} />
      </strong>
      <button
        type="button"
        className="chip-remove"
        aria-label={t('filter.remove', { filter: whole })}
        onClick={onRemove}
      >
        <Icon name="close" />
      </button>
    </span>
  );
}

function FilterForm({ onApply }: { readonly onApply: (filter: Filter) => void }) {
  const { t } = useTranslation();
  const names = useFilterNames();
  const [dimension, setDimension] = useState<Dimension>('model');
  const [operator, setOperator] = useState<Operator>('is');
  const [value, setValue] = useState('');
  const [tried, setTried] = useState(false);
  const [note, field] = [useId(), useId()];
  const offered = useOffered(dimension);
  const chosen = value === '' && offered ? (offered[0] ?? '') : value;
  const filter = readFilter(writeFilter({ operator, dimension, values: [chosen] }));
  const isReady = filter !== null && (offered ? offered.length > 0 : chosen !== '');
  const choose = (next: Dimension) => {
    setDimension(next);
    setValue('');
    setTried(false);
  };
  const apply = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (isReady) onApply(filter);
  };
  return (
    <form className="filter-form" onSubmit={apply} noValidate>
      <label>
        {t('filter.what')}
        <select
          value={dimension}
          // biome-ignore lint/a11y/noAutofocus: the form was just asked for
          autoFocus
          onChange={(event) => choose(event.target.value as Dimension)}
        >
          {DIMENSIONS.map((one) => (
            <option key={one} value={one}>
              {names.dimension(one)}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t('filter.how')}
        <select value={operator} onChange={(event) => setOperator(event.target.value as Operator)}>
          {(['is', 'is_not'] as const).map((one) => (
            <option key={one} value={one}>
              {t(`filter.operator.${one}`)}
            </option>
          ))}
        </select>
      </label>
      <label htmlFor={field}>
        {t('filter.value')}
        {offered ? (
          <select id={field} value={chosen} onChange={(event) => setValue(event.target.value)}>
            {offered.map((one) => (
              <option key={one} value={one}>
                {names.value(dimension, one)}
              </option>
            ))}
          </select>
        ) : (
          <input
            id={field}
            value={value}
            aria-invalid={tried && !isReady}
            aria-describedby={note}
            onChange={(event) => setValue(event.target.value.trim().replace(/^#/, ''))}
          />
        )}
      </label>
      <button type="submit" className="button primary">
        {t('filter.apply')}
      </button>
      <span id={note} className="field-error" role="alert">
        {tried && !isReady ? t(offered ? 'filter.noValues' : `filter.problem`) : ''}
      </span>
    </form>
  );
}

/** The values that occur in the period; null for a dimension of which any may be typed. */
function useOffered(dimension: Dimension): readonly string[] | null {
  const [view] = useView();
  const found = useReport('/api/v1/stats/dimensions', periodQuery({ ...view, filters: [] }));
  const values = found.data?.dimensions;
  switch (dimension) {
    case 'person':
    case 'dialog':
      return null;
    case 'status':
      return STATUSES;
    case 'chat_type':
      return values?.chat_types ?? CHAT_TYPES;
    case 'bot':
      return (values?.bots ?? []).map(String);
    case 'language':
      return [...(values?.languages ?? []), ''];
    case 'model':
    case 'model_asked':
      return [...(values?.models ?? []), ''];
    case 'source':
      return [...(values?.sources ?? []), ''];
    case 'cause':
      return values?.causes ?? [];
    case 'fallback_cause':
      return values?.fallback_causes ?? [];
  }
}
