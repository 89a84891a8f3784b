/** Says what a rule will do, and sets it on a second press. */

import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { components } from '../api/schema';
import { useServices } from '../app/services';
import { useExplanation } from '../session/explanations';
import { useFormats } from '../ui/format';
import { useChange } from './questions';
import { type RuleKind, usePermitted } from './rules';

export type NewRule = components['schemas'][`${'Ban' | 'Allow' | 'Limits' | 'Models'}Rule`];

export interface Asked {
  readonly kind: RuleKind;
  readonly rule: NewRule;
  /** Whom it is about, in words. */
  readonly who: string;
  readonly isForMany: boolean;
}

interface Props {
  readonly asked: Asked;
  readonly onMade: () => void;
  readonly onBack: () => void;
}

export function RuleConfirmation({ asked, onMade, onBack }: Props) {
  const { t } = useTranslation();
  const { api } = useServices();
  const explain = useExplanation();
  const formats = useFormats(null);
  const permitted = usePermitted();
  const text = useRef<HTMLParagraphElement>(null);
  const { kind, rule, who, isForMany } = asked;
  const put = useChange(() => api.client.PUT('/api/v1/admin/rules', { body: rule }));
  // Not the button: who presses twice has not read what it does.
  useEffect(() => text.current?.focus(), []);
  return (
    <div className="credentials">
      <p ref={text} tabIndex={-1}>
        {t(`rules.will.${kind}`, {
          who,
          until: rule.until ? formats.moment(rule.until) : '',
          terms: permitted(rule as Parameters<typeof permitted>[0], isForMany),
        })}
      </p>
      <p className="field-error" role="alert">
        {put.isError && explain(put.error)}
      </p>
      <div className="actions">
        <button
          type="button"
          className={`button primary ${kind === 'ban' || kind === 'pause' ? 'danger' : ''}`}
          aria-disabled={put.isPending}
          onClick={() => !put.isPending && put.mutate(undefined, { onSuccess: onMade })}
        >
          {put.isPending ? t('session.wait') : t(`rules.do.${kind}`, { who })}
        </button>
        <button type="button" className="button" onClick={onBack}>
          {t('confirm.back')}
        </button>
      </div>
    </div>
  );
}
