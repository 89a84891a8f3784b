/** A "?" that shows the definitions of metrics in the reader's language, loaded when asked for. */

import { type ToggleEvent, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { DEFINITIONS, type Definitions, type Language, type Metric } from '../i18n';
import { placeBeside } from './placeBeside';

interface Props {
  readonly metrics: readonly Metric[];
  /** What is explained, for people who do not see the button's place. */
  readonly of: string;
}

export function Explain({ metrics, of }: Props) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const [texts, setTexts] = useState<Definitions | 'failed' | null>(null);

  function onToggle(event: ToggleEvent<HTMLDivElement>) {
    const popover = event.currentTarget;
    if (event.newState !== 'open' || !button.current) return;
    placeBeside(popover, button.current.getBoundingClientRect());
    // It would stay where it is while its button moves.
    window.addEventListener('scroll', () => popover.hidePopover(), { once: true, passive: true });
    DEFINITIONS[i18n.language as Language]().then(
      (module) => setTexts(module.default),
      () => setTexts('failed'),
    );
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        className="explain"
        popoverTarget={id}
        aria-label={t('explain.label', { of })}
      >
        ?
      </button>
      <div id={id} popover="auto" className="definitions" onToggle={onToggle}>
        {texts === 'failed' && <p>{t('preferences.notLoaded')}</p>}
        {texts !== null && texts !== 'failed' && (
          <dl>
            {metrics.map((metric) => (
              <div key={metric}>
                <dt>{texts[metric].title}</dt>
                <dd>{texts[metric].definition}</dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </>
  );
}
