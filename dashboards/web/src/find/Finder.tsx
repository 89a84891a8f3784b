/** Listens to shortcuts and opens what they ask for. */

import { Suspense, useEffect, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { useScope, useServices } from '../app/services';
import { useLinks } from '../filters/useFilters';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { lazyPart } from '../ui/lazyPart';
import { isTaken, KeyReader } from './keys';

const FindDialog = lazyPart(() => import('./FindDialog'));
const KeysDialog = lazyPart(() => import('./KeysDialog'));

export type Opened = 'find' | 'keys' | null;

interface Props {
  readonly opened: Opened;
  readonly onOpen: (opened: Opened) => void;
}

const KEY = 'dialytics.singleKeys';

export function Finder({ opened, onOpen }: Props) {
  const { storage } = useServices();
  const [, navigate] = useLocation();
  const links = useLinks();
  const isAdmin = useScope('admin');
  const [singleKeys, setSingleKeys] = useState(() => storage.getItem(KEY) !== 'off');
  const reader = useMemo(() => new KeyReader(), []);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const command = reader.read(event, singleKeys && !isTaken(event.target));
      if (!command) return;
      event.preventDefault();
      if (command.name !== 'go') onOpen(command.name);
      else if (isAdmin || !command.isForAdmins) navigate(links.page(command.path));
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [reader, singleKeys, onOpen, navigate, links, isAdmin]);
  const keep = (are: boolean) => {
    storage.setItem(KEY, are ? 'on' : 'off');
    setSingleKeys(are);
  };
  const close = () => onOpen(null);
  return (
    <ErrorBoundary resetKey={opened}>
      <Suspense>
        {opened === 'find' && <FindDialog onClose={close} onKeys={() => onOpen('keys')} />}
        {opened === 'keys' && (
          <KeysDialog singleKeys={singleKeys} onSingleKeys={keep} onClose={close} />
        )}
      </Suspense>
    </ErrorBoundary>
  );
}
