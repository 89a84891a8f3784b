/** API keys of the account: make one, which is shown once, and revoke. */

import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { present } from '../api/api';
import { useServices, useSession } from '../app/services';
import { CredentialsForm, Field, textOf } from '../session/CredentialsForm';
import { useExplanation } from '../session/explanations';
import { Card } from '../ui/Card';
import { Loaded } from '../ui/Loaded';
import { Shown } from '../ui/Shown';
import { KeyTable } from './KeyTable';
import { MakerDialog } from './MakerDialog';
import { type NewKey, type Scope, useAsked, useChange } from './questions';
import { ScopeChoice } from './ScopeChoice';

const LIFETIMES = [30, 90, 365, 1095];

export function KeysCard() {
  const { t } = useTranslation();
  const { api } = useServices();
  const keys = useAsked('/api/v1/keys');
  const [isMaking, setMaking] = useState(false);
  const revoke = useChange((id: number) =>
    api.client.POST('/api/v1/keys/{key_id}/revoke', { params: { path: { key_id: id } } }),
  );
  return (
    <Card
      title={t('keys.title')}
      note={t('keys.note')}
      actions={
        <button type="button" className="button" onClick={() => setMaking(true)}>
          {t('keys.make')}
        </button>
      }
    >
      <Loaded query={keys} height={120}>
        {(answer) => <KeyTable keys={answer.keys} onRevoke={revoke.mutateAsync} />}
      </Loaded>
      {isMaking && <KeyMaker onClose={() => setMaking(false)} />}
    </Card>
  );
}

function KeyMaker({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<NewKey | null>(null);
  return (
    <MakerDialog
      title={made ? made.label : t('keys.make')}
      isShown={made !== null}
      onClose={onClose}
    >
      {made ? (
        <>
          <Shown label={t('keys.key')} value={made.key} note={t('keys.shownOnce')} />
          <p className="note">{t('keys.use')}</p>
        </>
      ) : (
        <KeyForm onMade={setMade} />
      )}
    </MakerDialog>
  );
}

function KeyForm({ onMade }: { readonly onMade: (key: NewKey) => void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const session = useSession();
  const explain = useExplanation();
  const make = useChange(async (fields: FormData) => {
    const body = {
      label: textOf(fields, 'label').trim(),
      scopes: fields.getAll('scopes') as Scope[],
      expires_in_days: Number(textOf(fields, 'days')),
    };
    return present((await api.client.POST('/api/v1/keys', { body })).data);
  });
  const own = 'scopes' in session ? session.scopes : [];
  return (
    <CredentialsForm
      action={t('keys.create')}
      check={(fields) =>
        textOf(fields, 'label').trim() ? {} : { label: t('session.problem.empty') }
      }
      explain={(error) => ({ '': explain(error) })}
      onSubmit={async (fields) => onMade(await make.mutateAsync(fields))}
    >
      {(problems) => (
        <>
          <Field
            name="label"
            label={t('keys.label')}
            hint={t('keys.labelHint')}
            problem={problems.label}
            autoComplete="off"
            maxLength={64}
            autoFocus
          />
          <ScopeChoice among={own} chosen={['stats:read']} />
          <label className="field">
            <span className="field-name">{t('keys.lifetime')}</span>
            <select name="days" defaultValue={365}>
              {LIFETIMES.map((days) => (
                <option key={days} value={days}>
                  {t('keys.days', { count: days })}
                </option>
              ))}
            </select>
          </label>
        </>
      )}
    </CredentialsForm>
  );
}
