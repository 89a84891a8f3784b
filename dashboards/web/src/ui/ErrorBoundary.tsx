/** Keeps an error of one part from blanking the rest of the page, and says what can be done. */

import { Component, type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useServices } from '../app/services';
import { Icon } from './Icon';

interface Props {
  /** A new value tries again: the data that is drawn, or the address. */
  readonly resetKey?: unknown;
  readonly height?: number | string | undefined;
  readonly children: ReactNode;
}

interface State {
  readonly error: unknown;
  readonly hasFailed: boolean;
}

const FINE: State = { error: null, hasFailed: false };

export class ErrorBoundary extends Component<Props, State> {
  override state = FINE;

  static getDerivedStateFromError(error: unknown): State {
    return { error, hasFailed: true };
  }

  override componentDidUpdate(before: Props): void {
    if (this.state.hasFailed && before.resetKey !== this.props.resetKey) this.setState(FINE);
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children;
    return isLoadFailure(this.state.error) ? (
      <NotLoaded height={this.props.height} />
    ) : (
      <Broken height={this.props.height} onRetry={() => this.setState(FINE)} />
    );
  }
}

/** Whether a script of the page did not load; each browser says it in its own words. */
export function isLoadFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /dynamically imported module|importing a module script|unable to preload css/i.test(
    error.message,
  );
}

function NotLoaded({ height }: { readonly height: number | string | undefined }) {
  const { t } = useTranslation();
  const { reloader } = useServices();
  const [isAway, setAway] = useState(false);
  const reload = async () => setAway(!(await reloader.now()));
  return (
    <div className="placeholder" role="alert" style={{ minHeight: height }}>
      <Icon name="alert" />
      <p>{t('error.notLoaded')}</p>
      <p className="note">{isAway ? t('error.stillAway') : t('error.notLoadedAdvice')}</p>
      <button type="button" className="button" onClick={reload}>
        {t('state.reload')}
      </button>
    </div>
  );
}

interface BrokenProps {
  readonly height: number | string | undefined;
  readonly onRetry: () => void;
}

function Broken({ height, onRetry }: BrokenProps) {
  const { t } = useTranslation();
  return (
    <div className="placeholder" role="alert" style={{ minHeight: height }}>
      <Icon name="alert" />
      <p>{t('error.broken')}</p>
      <p className="note">{t('error.brokenAdvice')}</p>
      <button type="button" className="button" onClick={onRetry}>
        {t('state.retry')}
      </button>
    </div>
  );
}
