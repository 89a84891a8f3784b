/** Saves the chart of a card as a picture. */

import { type RefObject, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePageAction } from '../app/pageActions';
import { Icon } from './Icon';

interface Props {
  /** Of the file, without extension. */
  readonly name: string;
  readonly of: string;
  readonly card: RefObject<HTMLElement | null>;
}

export function PictureButton({ name, of, card }: Props) {
  const { t } = useTranslation();
  const [failed, setFailed] = useState(false);
  const label = t('picture.label', { of });
  const save = () => {
    setFailed(false);
    const svg = card.current?.querySelector<SVGSVGElement>('svg.plot');
    if (!svg) return;
    // The legend is text beside the drawing.
    const legend = [
      ...(card.current?.querySelectorAll('.legend-entry[aria-pressed="true"]') ?? []),
    ];
    const title = [of, ...legend.map((entry) => entry.textContent ?? '')].join(' · ');
    import('./picture')
      .then(({ savePicture }) => savePicture(svg, { name, title, days: daysOf(name) }))
      .catch(() => setFailed(true));
  };
  usePageAction(label, save);
  return (
    <>
      <button type="button" className="button quiet" aria-label={label} onClick={save}>
        <Icon name="picture" />
        PNG
      </button>
      {failed && (
        <span className="field-error" role="alert">
          {t('picture.failed')}
        </span>
      )}
    </>
  );
}

/** `activity_2026-11-23_2026-11-30` is of 2026-11-23 – 2026-11-30. */
function daysOf(name: string): string {
  return [...new Set(name.match(/\d{4}-\d{2}-\d{2}/g) ?? [])].join(' – ');
}
