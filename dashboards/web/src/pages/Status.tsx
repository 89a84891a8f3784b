/** How a turn ended, with its colour. */

import { useTranslation } from 'react-i18next';

const STATUSES = ['answered', 'failed', 'cancelled', 'rejected', 'pending'] as const;

export function Status({ status }: { readonly status: string }) {
  const { t } = useTranslation();
  const known = STATUSES.find((one) => one === status);
  return <span className={`status ${status}`}>{known ? t(`status.${known}`) : status}</span>;
}
