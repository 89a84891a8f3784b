/** A new rule: about whom, what, until when and why; then what it will do, to be confirmed. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import type { components } from '../api/schema';
import { useServices } from '../app/services';
import { visible } from '../pages/people';
import { CredentialsForm, Field, type Problems, textOf } from '../session/CredentialsForm';
import { useExplanation } from '../session/explanations';
import { Segmented } from '../ui/Segmented';
import { type Asked, type NewRule, RuleConfirmation } from './RuleConfirmation';
import { RULE_KINDS, type RuleKind } from './rules';

const PAUSE_HOURS = [1, 24, 168, 720];
const LIMITS = ['daily_messages', 'daily_usd', 'monthly_messages', 'monthly_usd'] as const;
const HOUR_MILLISECONDS = 3_600_000;

interface Props {
  /** The person whom the rule is about; absent: the form asks. */
  readonly person?: { readonly key: number; readonly name: string } | undefined;
  readonly onMade: () => void;
}

/** First the terms, then what they will do, to be confirmed. */
export function RuleForm({ person, onMade }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const [kind, setKind] = useState<RuleKind>('ban');
  const [about, setAbout] = useState('');
  const [asked, setAsked] = useState<Asked | null>(null);
  const isForMany = !person && roleOf(about) !== undefined;
  const find = async (username: string) =>
    present((await api.client.POST('/api/v1/admin/people/find', { body: { username } })).data);
  const check = (fields: FormData): Problems => ({
    ...(!person && !subjectOf(fields) ? { about: t('rules.aboutProblem') } : {}),
    ...(kind === 'limits' ? limitProblems(fields, t('rules.limitProblem')) : {}),
    ...(kind === 'models' && modelsOf(fields).length === 0
      ? { models: t('session.problem.empty') }
      : {}),
  });
  const nameOfMeant = (found: Found['people'][number] | null): string => {
    if (person) return person.name;
    const role = roleOf(about);
    if (role) return t(`audit.value.${role}`);
    return visible(found?.name) ?? about.trim();
  };
  return (
    <>
      {asked && <RuleConfirmation asked={asked} onMade={onMade} onBack={() => setAsked(null)} />}
      {/* Kept with what was typed, for who goes back. */}
      <div hidden={asked !== null}>
        <CredentialsForm
          action={t('rules.next')}
          check={check}
          explain={(error) =>
            error instanceof SubjectProblem
              ? { about: t(`rules.${error.key}`) }
              : { '': explain(error) }
          }
          onSubmit={async (fields) => {
            const { subject, found } = person
              ? { subject: { user_key: person.key }, found: null }
              : await knownSubject(subjectOf(fields), find);
            const rule = ruleOf(kind, { subject, fields });
            setAsked({ kind, rule, who: nameOfMeant(found), isForMany });
          }}
        >
          {(problems) => (
            <>
              {!person && (
                <Field
                  name="about"
                  label={t('rules.about')}
                  hint={t('rules.aboutHint')}
                  problem={problems.about}
                  autoComplete="off"
                  maxLength={65}
                  autoFocus
                  onInput={setAbout}
                />
              )}
              <Segmented
                label={t('rules.rule')}
                value={kind}
                options={RULE_KINDS.map((value) => ({ value, label: t(`rules.kind.${value}`) }))}
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
                    label={t(isForMany ? `rules.limitEach.${name}` : `rules.limit.${name}`)}
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
      </div>
    </>
  );
}

type Subject = components['schemas']['RuleSubject'];
type Found = components['schemas']['FoundPeople'];
/** Who is meant: as the API takes it, or a name that must be looked up first. */
type Meant = Subject | { readonly username: string };

/** Why the rule is about nobody yet. */
class SubjectProblem extends Error {
  constructor(readonly key: 'nobody' | 'several') {
    super(key);
    this.name = 'SubjectProblem';
  }
}

const ROLES = ['everyone', 'admins'] as const;
const roleOf = (text: string) => ROLES.find((role) => role === text.trim().toLowerCase());

/**
 * `everyone`, `admins`, a person as `#42` or `@name`, or a Telegram id. Digits alone are a Telegram
 * id, which is long: the number of a person must not be taken for one.
 */
function subjectOf(fields: FormData): Meant | null {
  const about = textOf(fields, 'about').trim();
  const role = roleOf(about);
  if (role) return { role };
  const key = /^#([1-9]\d{0,9})$/.exec(about)?.[1];
  if (key) return { user_key: Number(key) };
  if (/^[1-9]\d{5,15}$/.test(about)) return { telegram_id: Number(about) };
  return /^@\w{1,64}$/.test(about) ? { username: about } : null;
}

/** Raises a SubjectProblem if nobody or more than one person has the name. */
async function knownSubject(
  meant: Meant | null,
  find: (username: string) => Promise<Found>,
): Promise<{ subject: Subject; found: Found['people'][number] | null }> {
  if (meant === null) throw new SubjectProblem('nobody');
  if (!('username' in meant)) return { subject: meant, found: null };
  const { people } = await find(meant.username);
  const [first] = people;
  if (!first?.user_key) throw new SubjectProblem('nobody');
  if (people.length > 1) throw new SubjectProblem('several');
  return { subject: { user_key: first.user_key }, found: first };
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

function ruleOf(kind: RuleKind, given: { subject: Subject; fields: FormData }): NewRule {
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
