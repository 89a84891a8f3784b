/** The checks by what they are about, each a sentence; a group is folded while all of it passes. */

import { useTranslation } from 'react-i18next';
import type { CheckResult } from '../api/types';
import { useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { type CheckGroup, type CheckName, groupChecks, type NamedCheck } from './checks';

interface Props {
  readonly checks: readonly CheckResult[];
  readonly tz: string | null;
}

export function CheckGroups({ checks, tz }: Props) {
  const { t } = useTranslation();
  if (checks.length === 0) return <p className="placeholder">{t('quality.noChecks')}</p>;
  return (
    <div className="check-groups">
      {groupChecks(checks).map((group) => (
        <Group key={group.name} group={group} tz={tz} />
      ))}
    </div>
  );
}

function Group({ group, tz }: { readonly group: CheckGroup; readonly tz: string | null }) {
  const { t } = useTranslation();
  const passed = group.checks.filter((check) => check.failures.length === 0).length;
  const count = group.checks.length;
  return (
    <details open={passed < count}>
      <summary>
        <Mark passed={passed === count} />
        <span>{t(`quality.group.${group.name}`)}</span>
        <span className="note">{t('quality.passedOf', { passed, count })}</span>
      </summary>
      <ul>
        {group.checks.map((check) => (
          <Check key={`${check.asset}:${check.name}`} check={check} tz={tz} />
        ))}
      </ul>
    </details>
  );
}

function Check({ check, tz }: { readonly check: NamedCheck; readonly tz: string | null }) {
  const { t, i18n } = useTranslation();
  const formats = useFormats(tz);
  const key = `check.${check.name as CheckName}` as const;
  return (
    <li>
      <Mark passed={check.failures.length === 0} />
      <div>
        {/* A check that is newer than this page has no sentence yet. */}
        <p>{i18n.exists(key) ? String(t(key, { job: check.asset })) : check.name}</p>
        {check.failures.map((failure) => (
          <p key={failure.day ?? ''} className="bad-text">
            {[
              failure.day && formats.day(failure.day),
              failure.observed,
              t('quality.expected', { value: failure.expected }),
            ]
              .filter(Boolean)
              .join(' · ')}
          </p>
        ))}
        <p className="note">
          {t('quality.checkedAt', { at: formats.moment(check.checkedAt) })}
          {check.failures.length > 0 && ` · ${t('quality.runbook', { section: check.runbook })}`}
        </p>
      </div>
    </li>
  );
}

function Mark({ passed }: { readonly passed: boolean }) {
  const { t } = useTranslation();
  return (
    <span className={passed ? 'mark good-text' : 'mark bad-text'}>
      <Icon name={passed ? 'check' : 'alert'} />
      <span className="visually-hidden">{passed ? t('quality.passed') : t('quality.failed')}</span>
    </span>
  );
}
