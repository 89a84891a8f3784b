/** A button that opens the form of a new rule. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { MakerDialog } from './MakerDialog';
import { RuleForm } from './RuleForm';

interface Props {
  readonly label: string;
  /** The person whom the rule is about; absent: the form asks. */
  readonly person?: { readonly key: number; readonly name: string } | undefined;
}

export function RuleMaker({ label, person }: Props) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <>
      <button type="button" className="button" onClick={() => setOpen(true)}>
        {label}
      </button>
      {isOpen && (
        <MakerDialog
          title={person ? t('rules.makeFor', { who: person.name }) : t('rules.make')}
          isShown={false}
          onClose={close}
        >
          <RuleForm person={person} onMade={close} />
        </MakerDialog>
      )}
    </>
  );
}
