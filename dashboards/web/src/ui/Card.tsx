/** A titled part of a page with room for its own controls. */

import { type ReactNode, useId } from 'react';
import { CsvButton } from './CsvButton';
import type { Csv } from './csv';
import { ErrorBoundary } from './ErrorBoundary';

interface Props {
  readonly title: string;
  readonly note?: ReactNode;
  readonly csv?: Csv | null;
  readonly actions?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Card({ title, note, csv, actions, className = '', children }: Props) {
  const id = useId();
  return (
    <section className={`card ${className}`} aria-labelledby={id}>
      <header className="card-head">
        <div className="card-title">
          <h2 id={id}>{title}</h2>
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
