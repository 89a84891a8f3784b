/** A titled part of a page with room for its own controls. */

import { type ReactNode, useId, useRef } from 'react';
import type { Metric } from '../i18n';
import { CsvButton } from './CsvButton';
import type { Csv } from './csv';
import { ErrorBoundary } from './ErrorBoundary';
import { Explain } from './Explain';
import { PictureButton } from './PictureButton';

interface Props {
  readonly title: string;
  readonly note?: ReactNode;
  readonly csv?: Csv | null;
  /** The name of the file with a picture of the card's chart. */
  readonly picture?: string | null;
  readonly actions?: ReactNode;
  /** Whose definitions tell what is shown. */
  readonly metrics?: readonly Metric[];
  readonly className?: string;
  /** The place on the page to which a link leads. */
  readonly id?: string;
  readonly children: ReactNode;
}

export function Card(props: Props) {
  const { title, note, csv, picture, actions, metrics, className = '', id, children } = props;
  const titleId = useId();
  const section = useRef<HTMLElement>(null);
  return (
    <section ref={section} className={`card ${className}`} id={id} aria-labelledby={titleId}>
      <header className="card-head">
        <div className="card-title">
          <div className="title-line">
            <h2 id={titleId}>{title}</h2>
            {metrics && <Explain metrics={metrics} of={title} />}
          </div>
          {note && <p className="note">{note}</p>}
        </div>
        <div className="card-actions">
          {actions}
          {picture && <PictureButton name={picture} of={title} card={section} />}
          {csv && <CsvButton csv={csv} of={title} />}
        </div>
      </header>
      <ErrorBoundary resetKey={children}>{children}</ErrorBoundary>
    </section>
  );
}
