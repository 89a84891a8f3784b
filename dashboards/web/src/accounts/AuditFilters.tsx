/** Narrows the audit trail: by name, kinds of events, person and days. */

import type { FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { textOf } from '../session/CredentialsForm';
import { type AuditFilter, kindsOf, userKeyOf } from './auditFilter';
import { KindChoice } from './KindChoice';

interface Props {
  readonly filter: AuditFilter;
  readonly onApply: (filter: AuditFilter) => void;
}

const NONE: AuditFilter = { who: '', what: [], user_key: '', from: '', to: '' };

export function AuditFilters({ filter, onApply }: Props) {
  const { t } = useTranslation();
  const isNarrowed = Object.values(filter).some((part) => part.length > 0);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    onApply({
      who: textOf(fields, 'who').trim(),
      what: kindsOf(fields.getAll('what').map(String)),
      user_key: userKeyOf(textOf(fields, 'user_key')),
      from: textOf(fields, 'from'),
      to: textOf(fields, 'to'),
    });
  };
  return (
    <form className="audit-filters" onSubmit={submit} aria-label={t('audit.filters')}>
      <label>
        {t('audit.who')}
        <input name="who" defaultValue={filter.who} autoCapitalize="none" spellCheck={false} />
      </label>
      <KindChoice name="what" initial={filter.what} />
      <label>
        {t('audit.person')}
        <input
          name="user_key"
          defaultValue={filter.user_key && `#${filter.user_key}`}
          placeholder="#42"
          pattern="\s*#?[1-9]\d{0,8}\s*"
          title={t('audit.personHint')}
          autoComplete="off"
        />
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
