/** A page that is about no period: its name, then its parts. */

import type { ReactNode } from 'react';
import { useTitle } from '../app/useTitle';
import './accounts.css';

interface Props {
  readonly title: string;
  readonly children: ReactNode;
}

export function PlainPage({ title, children }: Props) {
  useTitle(title);
  return (
    <>
      <header className="page-head">
        <h1>{title}</h1>
      </header>
      <div className="page-body" aria-busy={false}>
        {children}
      </div>
    </>
  );
}
