/** An address that leads nowhere. */

import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useTitle } from '../app/useTitle';

export default function NotFoundPage() {
  const { t } = useTranslation();
  const title = t('notFound.title');
  useTitle(title);
  return (
    <div className="placeholder">
      <h1>{title}</h1>
      <Link href="/">{t('notFound.back')}</Link>
    </div>
  );
}
