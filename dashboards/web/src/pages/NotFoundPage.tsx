/** An address that leads nowhere. */

import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';

export default function NotFoundPage() {
  const { t } = useTranslation();
  const title = t('notFound.title');
  useEffect(() => {
    document.title = `${title} · Dialytics`;
  }, [title]);
  return (
    <div className="placeholder">
      <h1>{title}</h1>
      <Link href="/">{t('notFound.back')}</Link>
    </div>
  );
}
