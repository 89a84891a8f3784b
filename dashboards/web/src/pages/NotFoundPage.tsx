/** An address that leads nowhere. */

import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useTitle } from '../app/useTitle';
import { useLinks } from '../filters/useFilters';

export default function NotFoundPage() {
  const { t } = useTranslation();
  const links = useLinks();
  const title = t('notFound.title');
  useTitle(title);
  return (
    <div className="placeholder">
      <h1>{title}</h1>
      <Link href={links.page('/')}>{t('notFound.back')}</Link>
    </div>
  );
}
