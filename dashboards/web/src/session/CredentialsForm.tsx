/** A form that ends in a session: its fields, what is wrong with each, its button. */

import { type FormEvent, type ReactNode, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

/** What is wrong, in words, by the name of the field; '' for the form as a whole. */
export type Problems = Readonly<Record<string, string>>;

interface Props {
  readonly action: string;
  /** What can be said before anything is sent. */
  readonly check: (fields: FormData) => Problems;
  readonly onSubmit: (fields: FormData) => Promise<void>;
  /** What a failure means to the person. */
  readonly explain: (error: unknown) => Problems;
  readonly children: (problems: Problems) => ReactNode;
}

/** The last attempt, and how it failed after it was sent. */
interface Tried {
  readonly fields: FormData | null;
  readonly error: unknown;
}

const NOTHING: Tried = { fields: null, error: null };

export function CredentialsForm({ action, check, onSubmit, explain, children }: Props) {
  const { t } = useTranslation();
  const ref = useRef<HTMLFormElement>(null);
  const [tried, setTried] = useState<Tried>(NOTHING);
  const [isBusy, setBusy] = useState(false);
  // Said anew each time: the language may change meanwhile.
  const problemsOf = ({ fields, error }: Tried): Problems => {
    if (error !== null) return explain(error);
    return fields ? check(fields) : {};
  };
  /** Remember what was tried and lead to the first field that is wrong. */
  const judge = (next: Tried): boolean => {
    const found = problemsOf(next);
    setTried(next);
    const inputs = [...(ref.current?.querySelectorAll('input') ?? [])];
    inputs.find((input) => found[input.name])?.focus();
    return Object.keys(found).length === 0;
  };
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy) return;
    const fields = new FormData(event.currentTarget);
    if (!judge({ fields, error: null })) return;
    setBusy(true);
    try {
      await onSubmit(fields);
      setBusy(false);
    } catch (error) {
      setBusy(false);
      judge({ fields, error });
    }
  };
  const problems = problemsOf(tried);
  return (
    // Checked here and not by the browser, which speaks its own language.
    <form ref={ref} className="credentials" onSubmit={submit} aria-busy={isBusy} noValidate>
      {children(problems)}
      <p className="field-error" role="alert">
        {problems['']}
      </p>
      {/* Not disabled: the focus must not leave it. */}
      <button type="submit" className="button primary" aria-disabled={isBusy}>
        {isBusy ? t('session.wait') : action}
      </button>
    </form>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly problem: string | undefined;
  readonly hint?: string;
  readonly type?: 'text' | 'password';
  readonly autoComplete: string;
  /** What is in it at first. */
  readonly initial?: string;
  readonly isFixed?: boolean;
  readonly maxLength?: number;
  readonly autoFocus?: boolean;
  readonly onInput?: (value: string) => void;
}

export function Field({
  name,
  label,
  problem,
  hint,
  type = 'text',
  autoComplete,
  initial,
  isFixed = false,
  maxLength,
  autoFocus = false,
  onInput,
}: FieldProps) {
  const { t } = useTranslation();
  const id = useId();
  const [isShown, setShown] = useState(false);
  const input = (
    <input
      id={id}
      name={name}
      type={isShown ? 'text' : type}
      required
      defaultValue={initial}
      readOnly={isFixed}
      maxLength={maxLength}
      aria-invalid={problem ? true : undefined}
      aria-describedby={
        `${problem ? `${id}-problem ` : ''}${hint ? `${id}-hint` : ''}` || undefined
      }
      // biome-ignore lint/a11y/noAutofocus: these pages and dialogs hold nothing but the form
      autoFocus={autoFocus}
      autoComplete={autoComplete}
      autoCapitalize="none"
      spellCheck={false}
      onInput={(event) => onInput?.(event.currentTarget.value)}
    />
  );
  return (
    <div className="field">
      <label id={`${id}-label`} htmlFor={id}>
        {label}
      </label>
      {type === 'password' ? (
        <div className="secret">
          {input}
          <button
            type="button"
            className="button quiet"
            aria-pressed={isShown}
            aria-describedby={`${id}-label`}
            onClick={() => setShown(!isShown)}
          >
            {isShown ? t('session.hide') : t('session.show')}
          </button>
        </div>
      ) : (
        input
      )}
      {problem && (
        <p id={`${id}-problem`} className="field-error">
          {problem}
        </p>
      )}
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
