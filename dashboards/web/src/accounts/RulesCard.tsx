/** Rules of operators about people: those in force, a form that sets one, a button that ends one. */

import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import { useScope, useServices } from '../app/services';
import { PersonName } from '../pages/people';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { ConfirmButton } from '../ui/ConfirmButton';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import { MakerDialog } from './MakerDialog';
import { ASKED, type RuleView, useChange } from './questions';
import { RuleForm } from './RuleForm';

interface Props {
  /** The person whom the rules are about; absent: rules about anybody. */
  readonly userKey?: number;
}

export const RULES_PLACE = 'rules';

/** Whether the account may set rules about people. */
export function useManagesPeople(): boolean {
  return [useScope('people:manage'), useScope('admin')].some(Boolean);
}

/** Nothing for who may not manage people. */
export function RulesCard({ userKey }: Props) {
  return useManagesPeople() ? <Rules {...(userKey === undefined ? {} : { userKey })} /> : null;
}

function Rules({ userKey }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const [isMaking, setMaking] = useState(false);
  const rules = useQuery({
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
    retry: false,
  });
  return (
    <Card
      id={RULES_PLACE}
      title={t('rules.title')}
      note={t('rules.note')}
      actions={
        <button type="button" className="button" onClick={() => setMaking(true)}>
          {t('rules.make')}
        </button>
      }
    >
      <Loaded query={rules} height={100}>
        {(answer) => (
          <RuleTable
            rules={answer.rules.filter((rule) => rule.is_active)}
            isOfOne={userKey !== undefined}
          />
        )}
      </Loaded>
      {isMaking && (
        <MakerDialog title={t('rules.make')} isShown={false} onClose={() => setMaking(false)}>
          <RuleForm
            {...(userKey === undefined ? {} : { userKey })}
            onMade={() => setMaking(false)}
          />
        </MakerDialog>
      )}
    </Card>
  );
}

interface TableProps {
  readonly rules: readonly RuleView[];
  readonly isOfOne: boolean;
}

function RuleTable({ rules, isOfOne }: TableProps) {
  const { t } = useTranslation();
  const { api } = useServices();
  const formats = useFormats(null);
  const termsOf = useTerms();
  const end = useChange((id: number) =>
    api.client.DELETE('/api/v1/admin/rules/{rule_id}', { params: { path: { rule_id: id } } }),
  );
  if (rules.length === 0) return <p className="placeholder">{t('rules.none')}</p>;
  const columns: Column<RuleView>[] = [
    {
      key: 'kind',
      title: t('rules.rule'),
      value: (row) => t(`rules.kind.${kindOf(row)}`),
      isHeader: true,
    },
    ...(isOfOne
      ? []
      : [
          {
            key: 'about',
            title: t('rules.about'),
            value: (row: RuleView) => row.user_key ?? t(`audit.value.${subjectOf(row)}`),
            show: (row: RuleView) => <Subject rule={row} />,
          },
        ]),
    {
      key: 'terms',
      title: t('rules.terms'),
      value: (row) => termsOf(row) || NONE,
      show: (row) => <Clipped text={termsOf(row) || NONE} />,
    },
    {
      key: 'reason',
      title: t('rules.reason'),
      value: (row) => row.reason,
      show: (row) => <Clipped text={row.reason || NONE} />,
      isMinor: true,
    },
    {
      key: 'author',
      title: t('rules.setBy'),
      value: (row) => `${row.author}, ${formats.moment(row.set_at)}`,
      isMinor: true,
    },
    {
      key: 'end',
      title: t('column.action'),
      value: () => null,
      show: (row) => (
        <ConfirmButton
          label={t('rules.end')}
          of={t(`rules.kind.${kindOf(row)}`)}
          question={t('rules.endQuestion')}
          onConfirm={() => end.mutateAsync(row.id)}
        />
      ),
    },
  ];
  return (
    <DataTable
      caption={t('rules.title')}
      columns={columns}
      rows={rules}
      keyOf={(row) => String(row.id)}
    />
  );
}

/** A pause is a ban with an end. */
function kindOf(rule: RuleView) {
  if (rule.kind !== 'ban') return rule.kind as 'allow' | 'limits' | 'models';
  return rule.until ? 'pause' : 'ban';
}

const subjectOf = (rule: RuleView) => rule.subject as 'person' | 'chat' | 'everyone' | 'admins';

const isForMany = (rule: RuleView) => rule.subject === 'everyone' || rule.subject === 'admins';

function Subject({ rule }: { readonly rule: RuleView }) {
  const { t } = useTranslation();
  if (rule.user_key === null) return t(`audit.value.${subjectOf(rule)}`);
  const known = { [rule.user_key]: { name: rule.name, username: rule.username } };
  return <PersonName people={known} userKey={rule.user_key} />;
}

/** What the rule permits, and until when, in one line. */
function useTerms() {
  const { t } = useTranslation();
  const formats = useFormats(null);
  return (rule: RuleView) => {
    const limits = [
      ['daily_messages', rule.daily_messages],
      ['monthly_messages', rule.monthly_messages],
      ['daily_usd', rule.daily_usd],
      ['monthly_usd', rule.monthly_usd],
    ] as const;
    return [
      ...limits.flatMap(([name, value]) =>
        value === null
          ? []
          : [
              `${t(`rules.${isForMany(rule) ? 'limitEach' : 'limit'}.${name}`)}: ${formats.count(value)}`,
            ],
      ),
      ...(rule.models ?? []),
      ...(rule.until ? [t('rules.until', { moment: formats.moment(rule.until) })] : []),
    ].join(' · ');
  };
}
