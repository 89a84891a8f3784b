/** A button that asks once more, in its own place, and says when its action failed. */

import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useExplanation } from '../session/explanations';

interface Props {
  readonly label: string;
  /** What it is about, when the label alone does not say so. */
  readonly of?: string | undefined;
  readonly question: string;
  readonly onConfirm: () => Promise<unknown>;
}

export function ConfirmButton({ label, of, question, onConfirm }: Props) {
  const { t } = useTranslation();
  const explain = useExplanation();
  const [state, setState] = useState<'idle' | 'asks' | 'busy'>('idle');
  const [error, setError] = useState<unknown>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  // The focus comes back to where it was.
  useEffect(() => {
    if (state === 'idle' && wasOpen.current) opener.current?.focus();
    wasOpen.current = state !== 'idle';
  }, [state]);
  const confirm = async () => {
    setState('busy');
    setError(null);
    try {
      await onConfirm();
    } catch (failure) {
      setError(failure);
    }
    setState('idle');
  };
  if (state === 'idle') {
    return (
      <>
        <button
          ref={opener}
          type="button"
          className="button small"
          aria-label={of ? `${label}: ${of}` : undefined}
          onClick={() => setState('asks')}
        >
          {label}
        </button>
        {error !== null && (
          <p className="field-error" role="alert">
            {explain(error)}
          </p>
        )}
      </>
    );
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset groups fields, these are buttons
    <span className="confirm" role="group" aria-label={question}>
      <span>{question}</span>
      <button
        type="button"
        className="button small danger"
        // biome-ignore lint/a11y/noAutofocus: it replaces the button that was pressed
        autoFocus
        aria-disabled={state === 'busy'}
        onClick={() => state === 'asks' && void confirm()}
      >
        {state === 'busy' ? t('session.wait') : label}
      </button>
      <button type="button" className="button small" onClick={() => setState('idle')}>
        {t('confirm.cancel')}
      </button>
    </span>
  );
}
