/** A titled part of a page with room for its own controls. */

import { type ReactNode, useId } from 'react';
import type { Metric } from '../i18n';
import { CsvButton } from './CsvButton';
import type { Csv } from './csv';
import { ErrorBoundary } from './ErrorBoundary';
import { Explain } from './Explain';

interface Props {
  readonly title: string;
  readonly note?: ReactNode;
  readonly csv?: Csv | null;
  readonly actions?: ReactNode;
  /** Whose definitions tell what is shown. */
  readonly metrics?: readonly Metric[];
  readonly className?: string;
  readonly children: ReactNode;
}

export function Card({ title, note, csv, actions, metrics, className = '', children }: Props) {
  const id = useId();
  return (
    <section className={`card ${className}`} aria-labelledby={id}>
      <header className="card-head">
        <div className="card-title">
          <div className="title-line">
            <h2 id={id}>{title}</h2>
            {metrics && <Explain metrics={metrics} of={title} />}
          </div>
          {note && <p className="note">{note}</p>}
        </div>
        <div className="card-actions">
          {actions}
          {csv && <CsvButton csv={csv} of={title} />}
        </div>
      </header>
      <ErrorBoundary resetKey={children}>{children}</ErrorBoundary>
    </section>
  );
}
