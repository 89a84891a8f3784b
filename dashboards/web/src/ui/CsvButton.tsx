/** Saves what a table or chart shows as a file. */

import { useTranslation } from 'react-i18next';
import { type Csv, download } from './csv';
import { Icon } from './Icon';

interface Props {
  readonly csv: Csv;
  /** What the file holds, for people who do not see the button's place. */
  readonly of: string;
}

export function CsvButton({ csv, of }: Props) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      className="button quiet"
      aria-label={t('csv.label', { of })}
      disabled={csv.rows.length === 0}
      onClick={() => download(csv)}
    >
      <Icon name="download" />
      CSV
    </button>
  );
}
