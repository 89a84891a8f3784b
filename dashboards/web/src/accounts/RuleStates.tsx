/** What operators decided about a person, where it is seen first: since when, by whom, until when. */

import { useTranslation } from 'react-i18next';
import { ConfirmButton } from '../ui/ConfirmButton';
import { useFormats } from '../ui/format';
import { Icon } from '../ui/Icon';
import { kindOf, useManagesPeople, usePermitted, useRuleEnd, useRules } from './rules';
import './accounts.css';

interface Props {
  readonly userKey: number;
}

/** Nothing for who may not manage people, and of a person without rules. */
export function RuleStates({ userKey }: Props) {
  const { t } = useTranslation();
  const formats = useFormats(null);
  const permitted = usePermitted();
  const rules = useRules(userKey, useManagesPeople());
  const end = useRuleEnd();
  const active = rules.data?.rules.filter((rule) => rule.is_active) ?? [];
  if (active.length === 0) return null;
  return (
    <ul className="rule-states" aria-label={t('rules.title')}>
      {active.map((rule) => {
        const kind = kindOf(rule);
        const state = t(`rules.state.${kind}`, {
          since: formats.moment(rule.set_at),
          author: rule.author,
          terms: permitted(rule, false),
        });
        const until = rule.until && t('rules.until', { moment: formats.moment(rule.until) });
        return (
          <li key={rule.id} className={kind === 'ban' || kind === 'pause' ? 'notice' : 'ruled'}>
            <Icon name={kind === 'allow' ? 'check' : 'lock'} />
            <p>
              {until ? `${state}, ${until}` : state}
              {rule.reason && `: ${rule.reason}`}
            </p>
            <ConfirmButton
              label={t(`rules.lift.${kind}`)}
              question={t(`rules.liftQuestion.${kind}`)}
              onConfirm={() => end.mutateAsync(rule.id)}
            />
          </li>
        );
      })}
    </ul>
  );
}
