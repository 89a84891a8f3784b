/** A secret in the fragment of a link: read once, then in no address, history or picture of it. */

import { useEffect, useState } from 'react';

export function useLinkSecret(name: string): string {
  const [secret] = useState(() => new URLSearchParams(location.hash.slice(1)).get(name) ?? '');
  useEffect(() => history.replaceState(history.state, '', location.pathname), []);
  return secret;
}
