/** Kinds of events to choose from, several at a time; none chosen means all. */

import { type ToggleEvent, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { placeBeside } from '../ui/placeBeside';
import { KINDS, type Kind } from './auditFilter';

interface Props {
  readonly name: string;
  readonly initial: readonly Kind[];
}

export function KindChoice({ name, initial }: Props) {
  const { t, i18n } = useTranslation();
  const [id, label] = [useId(), useId()];
  const button = useRef<HTMLButtonElement>(null);
  const [chosen, setChosen] = useState(initial);
  const kinds = KINDS.map((kind) => ({ kind, title: t(`audit.kind.${kind}`) }));
  kinds.sort((one, other) => one.title.localeCompare(other.title, i18n.language));
  const [first] = chosen;
  const summary =
    first === undefined
      ? t('audit.any')
      : chosen.length === 1
        ? t(`audit.kind.${first}`)
        : t('audit.kinds', { count: chosen.length });
  const toggle = (kind: Kind, isOn: boolean) =>
    setChosen(isOn ? [...chosen, kind] : chosen.filter((one) => one !== kind));
  const place = (event: ToggleEvent<HTMLDivElement>) => {
    if (event.newState === 'open' && button.current) {
      placeBeside(event.currentTarget, button.current.getBoundingClientRect());
    }
  };
  return (
    <div className="kind-choice">
      <span id={label}>{t('audit.what')}</span>
      <button
        ref={button}
        type="button"
        className="button"
        popoverTarget={id}
        aria-labelledby={`${label} ${id}-summary`}
      >
        <span id={`${id}-summary`}>{summary}</span>
      </button>
      <div id={id} popover="auto" className="kinds" onToggle={place}>
        <fieldset className="choices" aria-labelledby={label}>
          {kinds.map(({ kind, title }) => (
            <label key={kind}>
              <input
                type="checkbox"
                name={name}
                value={kind}
                checked={chosen.includes(kind)}
                onChange={(event) => toggle(kind, event.target.checked)}
              />
              {title}
            </label>
          ))}
        </fieldset>
      </div>
    </div>
  );
}
