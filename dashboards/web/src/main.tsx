/** The composition root: builds what the dashboard stands on and draws it. */

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { Api } from './api/api';
import { App } from './app/App';
import { ServicesProvider } from './app/services';
import { applyTheme, readTheme } from './app/theme';
import { createTexts, preferredLanguage } from './i18n';
import { Session } from './session/session';
import './styles/base.css';

async function start(): Promise<void> {
  applyTheme(readTheme(localStorage), document.documentElement);
  const texts = await createTexts(preferredLanguage(localStorage, navigator.languages));
  const session = new Session(sessionStorage);
  const api = new Api({ fetch: window.fetch.bind(window), session, origin: location.origin });
  const queries = new QueryClient();
  const root = document.getElementById('root');
  if (!root) throw new Error('index.html has no #root');
  createRoot(root).render(
    <StrictMode>
      <I18nextProvider i18n={texts}>
        <QueryClientProvider client={queries}>
          <ServicesProvider value={{ api, session, storage: localStorage }}>
            <App />
          </ServicesProvider>
        </QueryClientProvider>
      </I18nextProvider>
    </StrictMode>,
  );
}

void start();
