/** Rules of operators about people: asking for them, ending one, and their terms in words. */

import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import { useScope, useServices } from '../app/services';
import { useFormats } from '../ui/format';
import { ASKED, type RuleView, useChange } from './questions';

export const RULE_KINDS = ['ban', 'pause', 'allow', 'limits', 'models'] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

/** Whether the account may set rules about people. */
export function useManagesPeople(): boolean {
  return [useScope('people:manage'), useScope('admin')].some(Boolean);
}

/** The rules about a person, or about anybody. */
export function useRules(userKey: number | undefined, isAsked = true) {
  const { api } = useServices();
  return useQuery({
    queryKey: [ASKED, 'rules', userKey],
    queryFn: async ({ signal }) =>
      present(
        (
          await api.client.GET('/api/v1/admin/rules', {
            params: { query: userKey === undefined ? {} : { user_key: userKey } },
            signal,
          })
        ).data,
      ),
    enabled: isAsked,
    retry: false,
  });
}

export function useRuleEnd() {
  const { api } = useServices();
  return useChange((id: number) =>
    api.client.DELETE('/api/v1/admin/rules/{rule_id}', { params: { path: { rule_id: id } } }),
  );
}

/** A pause is a ban with an end. */
export function kindOf(rule: RuleView): RuleKind {
  if (rule.kind === 'ban') return rule.until ? 'pause' : 'ban';
  return rule.kind as RuleKind;
}

export const subjectOf = (rule: RuleView) =>
  rule.subject as 'person' | 'chat' | 'everyone' | 'admins';

type Limits = Partial<
  Pick<RuleView, 'daily_messages' | 'monthly_messages' | 'daily_usd' | 'monthly_usd' | 'models'>
>;

/** What a rule permits, in one line; empty for a ban. */
export function usePermitted() {
  const { t, i18n } = useTranslation();
  return (rule: Limits, isForMany: boolean) => {
    const limits = [
      ['daily_messages', rule.daily_messages],
      ['monthly_messages', rule.monthly_messages],
      ['daily_usd', rule.daily_usd],
      ['monthly_usd', rule.monthly_usd],
    ] as const;
    const exact = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 10 });
    return [
      ...limits.flatMap(([name, value]) =>
        value == null
          ? []
          : [`${t(`rules.${isForMany ? 'limitEach' : 'limit'}.${name}`)}: ${exact.format(value)}`],
      ),
      ...(rule.models ?? []),
    ].join(' · ');
  };
}

/** The same of a rule in force, and until when. */
export function useTerms() {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const permitted = usePermitted();
  return (rule: RuleView) =>
    [
      permitted(rule, rule.subject === 'everyone' || rule.subject === 'admins'),
      rule.until ? t('rules.until', { moment: formats.moment(rule.until) }) : '',
    ]
      .filter(Boolean)
      .join(' · ');
}
