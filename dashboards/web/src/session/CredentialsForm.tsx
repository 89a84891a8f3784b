/** A form that ends in a session: its fields, its one error, its button. */

import { type FormEvent, type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';

interface Props {
  readonly action: string;
  readonly onSubmit: (fields: FormData) => Promise<void>;
  /** What a failure means to the person, in words. */
  readonly explain: (error: unknown) => string;
  readonly children: ReactNode;
}

export function CredentialsForm({ action, onSubmit, explain, children }: Props) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    try {
      await onSubmit(new FormData(event.currentTarget));
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  };
  return (
    <form className="credentials" onSubmit={submit} aria-busy={isBusy}>
      {children}
      <p className="field-error" role="alert">
        {problem}
      </p>
      <button type="submit" className="button primary" disabled={isBusy}>
        {isBusy ? t('session.wait') : action}
      </button>
    </form>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly type?: 'text' | 'password';
  readonly autoComplete: string;
  readonly value?: string;
  readonly minLength?: number;
  readonly autoFocus?: boolean;
}

export function Field({ name, label, hint, type = 'text', value, autoFocus, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        required
        defaultValue={value}
        readOnly={value !== undefined}
        aria-describedby={hint ? `${id}-hint` : undefined}
        // biome-ignore lint/a11y/noAutofocus: these pages and dialogs hold nothing but the form
        autoFocus={autoFocus ?? false}
        autoCapitalize="none"
        spellCheck={false}
        {...rest}
      />
      {hint && (
        <p id={`${id}-hint`} className="note">
          {hint}
        </p>
      )}
    </div>
  );
}

/** A text field of a submitted form. */
export function textOf(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === 'string' ? value : '';
}
