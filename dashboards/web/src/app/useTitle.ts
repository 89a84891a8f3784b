/** The title of the window: the page, then the product. */

import { useEffect } from 'react';

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Dialytics`;
  }, [title]);
}
