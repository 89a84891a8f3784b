/** A secret that is shown once, with a button that copies it where the browser permits that. */

import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';

interface Props {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

export function Shown({ label, value, note }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const [isCopied, setCopied] = useState(false);
  // Browsers give it to pages of HTTPS and of this machine only.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  return (
    <div className="field shown-once">
      <label htmlFor={id}>{label}</label>
      <div className="secret">
        <input
          id={id}
          readOnly
          value={value}
          aria-describedby={`${id}-note`}
          onFocus={(event) => event.currentTarget.select()}
        />
        {clipboard && (
          <button
            type="button"
            className="button quiet"
            onClick={() => void clipboard.writeText(value).then(() => setCopied(true))}
          >
            {isCopied ? t('copy.done') : t('copy.label')}
          </button>
        )}
      </div>
      <p id={`${id}-note`} className="notice" role="status">
        {note}
      </p>
    </div>
  );
}
