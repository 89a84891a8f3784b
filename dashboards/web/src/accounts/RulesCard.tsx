/** Rules of operators about people: those in force, a form that sets one, a button that ends one. */

import { useTranslation } from 'react-i18next';
import { PersonName } from '../pages/people';
import { Card } from '../ui/Card';
import { Clipped } from '../ui/Clipped';
import { ConfirmButton } from '../ui/ConfirmButton';
import { type Column, DataTable } from '../ui/DataTable';
import { NONE, useFormats } from '../ui/format';
import { Loaded } from '../ui/Loaded';
import type { RuleView } from './questions';
import { RuleMaker } from './RuleMaker';
import { kindOf, subjectOf, useManagesPeople, useRuleEnd, useRules, useTerms } from './rules';
import './accounts.css';

interface Props {
  /** The person whom the rules are about; absent: rules about anybody. */
  readonly person?: { readonly key: number; readonly name: string };
}

/** Nothing for who may not manage people. */
export function RulesCard({ person }: Props) {
  return useManagesPeople() ? <Rules {...(person ? { person } : {})} /> : null;
}

function Rules({ person }: Props) {
  const { t } = useTranslation();
  const rules = useRules(person?.key);
  return (
    <Card
      title={t('rules.title')}
      note={t('rules.note')}
      actions={<RuleMaker label={t('rules.make')} person={person} />}
    >
      <Loaded query={rules} height={100}>
        {(answer) => (
          <RuleTable
            rules={answer.rules.filter((rule) => rule.is_active)}
            isOfOne={person !== undefined}
          />
        )}
      </Loaded>
    </Card>
  );
}

interface TableProps {
  readonly rules: readonly RuleView[];
  readonly isOfOne: boolean;
}

function RuleTable({ rules, isOfOne }: TableProps) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const termsOf = useTerms();
  const end = useRuleEnd();
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
          label={t(`rules.lift.${kindOf(row)}`)}
          of={isOfOne ? undefined : (row.name ?? String(row.user_key ?? row.subject))}
          question={t(`rules.liftQuestion.${kindOf(row)}`)}
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

function Subject({ rule }: { readonly rule: RuleView }) {
  const { t } = useTranslation();
  if (rule.user_key === null) return t(`audit.value.${subjectOf(rule)}`);
  const known = { [rule.user_key]: { name: rule.name, username: rule.username } };
  return <PersonName people={known} userKey={rule.user_key} />;
}
