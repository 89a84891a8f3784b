/** The frame of a page that a link with a secret opens. */

import type { ReactNode } from 'react';
import { Preferences } from '../app/Preferences';
import { useTitle } from '../app/useTitle';

interface Props {
  readonly title: string;
  readonly children: ReactNode;
}

export function LinkPage({ title, children }: Props) {
  useTitle(title);
  return (
    <main className="entry">
      <div className="entry-card">
        <p className="brand big">
          <img src="/icon.svg" alt="" width="34" height="34" />
          Dialytics
        </p>
        <h1>{title}</h1>
        {children}
      </div>
      <Preferences />
    </main>
  );
}
