/** Narrows the audit trail: by name, kind of event and days. */

import type { FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { textOf } from '../session/CredentialsForm';
import { type AuditFilter, KINDS, kindOf } from './auditFilter';

interface Props {
  readonly filter: AuditFilter;
  readonly onApply: (filter: AuditFilter) => void;
}

const NONE: AuditFilter = { who: '', what: '', from: '', to: '' };

export function AuditFilters({ filter, onApply }: Props) {
  const { t, i18n } = useTranslation();
  const isNarrowed = Object.values(filter).some(Boolean);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    onApply({
      who: textOf(fields, 'who').trim(),
      what: kindOf(textOf(fields, 'what')) ?? '',
      from: textOf(fields, 'from'),
      to: textOf(fields, 'to'),
    });
  };
  const kinds = KINDS.map((kind) => ({ kind, name: t(`audit.kind.${kind}`) }));
  kinds.sort((one, other) => one.name.localeCompare(other.name, i18n.language));
  return (
    <form className="filters" onSubmit={submit} aria-label={t('audit.filters')}>
      <label>
        {t('audit.who')}
        <input name="who" defaultValue={filter.who} autoCapitalize="none" spellCheck={false} />
      </label>
      <label>
        {t('audit.what')}
        <select name="what" defaultValue={filter.what}>
          <option value="">{t('audit.any')}</option>
          {kinds.map(({ kind, name }) => (
            <option key={kind} value={kind}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t('period.from')}
        <input name="from" type="date" defaultValue={filter.from} />
      </label>
      <label>
        {t('period.to')}
        <input name="to" type="date" defaultValue={filter.to} />
      </label>
      <span className="filter-actions">
        <button type="submit" className="button">
          {t('period.apply')}
        </button>
        {isNarrowed && (
          <button type="button" className="button quiet" onClick={() => onApply(NONE)}>
            {t('audit.clear')}
          </button>
        )}
      </span>
    </form>
  );
}
