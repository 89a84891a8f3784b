/** Saves what a table or chart shows as a file. */

import { useTranslation } from 'react-i18next';
import { usePageAction } from '../app/pageActions';
import { type Csv, download } from './csv';
import { Icon } from './Icon';

interface Props {
  readonly csv: Csv;
  /** What the file holds, for people who do not see the button's place. */
  readonly of: string;
}

export function CsvButton({ csv, of }: Props) {
  const { t } = useTranslation();
  const label = t('csv.label', { of });
  const isEmpty = csv.rows.length === 0;
  const save = () => download(csv);
  usePageAction(isEmpty ? null : label, save);
  return (
    <button
      type="button"
      className="button quiet"
      aria-label={label}
      disabled={isEmpty}
      onClick={save}
    >
      <Icon name="download" />
      CSV
    </button>
  );
}
