/** A new rule: about whom, what, until when and why. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { components } from '../api/schema';
import { useServices } from '../app/services';
import { CredentialsForm, Field, type Problems, textOf } from '../session/CredentialsForm';
import { useExplanation } from '../session/explanations';
import { Segmented } from '../ui/Segmented';
import { useChange } from './questions';

type NewRule = components['schemas'][`${'Ban' | 'Allow' | 'Limits' | 'Models'}Rule`];

const KINDS = ['ban', 'pause', 'allow', 'limits', 'models'] as const;
type Kind = (typeof KINDS)[number];
const PAUSE_HOURS = [1, 24, 168, 720];
const LIMITS = ['daily_messages', 'daily_usd', 'monthly_messages', 'monthly_usd'] as const;
const HOUR_MILLISECONDS = 3_600_000;

interface Props {
  /** The person whom the rule is about; absent: the form asks. */
  readonly userKey?: number;
  readonly onMade: () => void;
}

export function RuleForm({ userKey, onMade }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const [kind, setKind] = useState<Kind>('ban');
  const put = useChange((body: NewRule) => api.client.PUT('/api/v1/admin/rules', { body }));
  const check = (fields: FormData): Problems => ({
    ...(userKey === undefined && !subjectOf(fields) ? { about: t('rules.aboutProblem') } : {}),
    ...(kind === 'limits' ? limitProblems(fields, t('rules.limitProblem')) : {}),
    ...(kind === 'models' && modelsOf(fields).length === 0
      ? { models: t('session.problem.empty') }
      : {}),
  });
  return (
    <CredentialsForm
      action={t('rules.make')}
      check={check}
      explain={(error) => ({ '': explain(error) })}
      onSubmit={async (fields) => {
        const subject = userKey === undefined ? subjectOf(fields) : { user_key: userKey };
        await put.mutateAsync(ruleOf(kind, { subject: subject ?? {}, fields }));
        onMade();
      }}
    >
      {(problems) => (
        <>
          {userKey === undefined && (
            <Field
              name="about"
              label={t('rules.about')}
              hint={t('rules.aboutHint')}
              problem={problems.about}
              autoComplete="off"
              maxLength={20}
              autoFocus
            />
          )}
          <Segmented
            label={t('rules.rule')}
            value={kind}
            options={KINDS.map((value) => ({ value, label: t(`rules.kind.${value}`) }))}
            onChange={setKind}
          />
          <p className="note">{t(`rules.does.${kind}`)}</p>
          {kind === 'pause' && (
            <label className="field">
              <span className="field-name">{t('rules.howLong')}</span>
              <select name="hours" defaultValue={24}>
                {PAUSE_HOURS.map((hours) => (
                  <option key={hours} value={hours}>
                    {hours < 24
                      ? t('rules.hours', { count: hours })
                      : t('keys.days', { count: hours / 24 })}
                  </option>
                ))}
              </select>
            </label>
          )}
          {kind === 'limits' &&
            LIMITS.map((name) => (
              <Field
                key={name}
                name={name}
                label={t(`rules.limit.${name}`)}
                problem={problems[name]}
                autoComplete="off"
                maxLength={12}
              />
            ))}
          {kind === 'models' && (
            <Field
              name="models"
              label={t('rules.models')}
              hint={t('rules.modelsHint')}
              problem={problems.models}
              autoComplete="off"
            />
          )}
          <Field
            name="reason"
            label={t('rules.reason')}
            hint={t('rules.reasonHint')}
            problem={problems.reason}
            autoComplete="off"
            maxLength={500}
          />
        </>
      )}
    </CredentialsForm>
  );
}

type Subject = components['schemas']['RuleSubject'];

/** `everyone`, `admins`, or the number of a person, as in `#42`. */
function subjectOf(fields: FormData): Subject | null {
  const about = textOf(fields, 'about').trim().toLowerCase();
  if (about === 'everyone' || about === 'admins') return { role: about };
  const key = /^#?([1-9]\d{0,9})$/.exec(about)?.[1];
  return key ? { user_key: Number(key) } : null;
}

const modelsOf = (fields: FormData) =>
  textOf(fields, 'models')
    .split(/[\s,]+/)
    .filter(Boolean);

function limitProblems(fields: FormData, problem: string): Problems {
  const given = LIMITS.map((name) => [name, textOf(fields, name).trim()] as const);
  if (given.every(([, text]) => text === '')) return { daily_messages: problem };
  const wrong = given.filter(([name, text]) => {
    const pattern = name.endsWith('usd') ? /^\d{1,6}([.,]\d{1,10})?$/ : /^[1-9]\d{0,8}$/;
    return text !== '' && !(pattern.test(text) && numberOf(text) > 0);
  });
  return Object.fromEntries(wrong.map(([name]) => [name, problem]));
}

const numberOf = (text: string) => Number(text.replace(',', '.'));

function ruleOf(kind: Kind, given: { subject: Subject; fields: FormData }): NewRule {
  const { subject, fields } = given;
  const common = { subject, reason: textOf(fields, 'reason').trim() };
  switch (kind) {
    case 'pause': {
      const end = Date.now() + Number(textOf(fields, 'hours')) * HOUR_MILLISECONDS;
      return { ...common, kind: 'ban', until: new Date(end).toISOString() };
    }
    case 'limits': {
      const texts = LIMITS.map((name) => [name, textOf(fields, name).trim()] as const);
      const limits = texts.filter(([, text]) => text !== '');
      return {
        ...common,
        kind,
        ...Object.fromEntries(limits.map(([name, text]) => [name, numberOf(text)])),
      };
    }
    case 'models':
      return { ...common, kind, models: modelsOf(fields) };
    default:
      return { ...common, kind };
  }
}
