-- Moves the rules about a group to its new id, unless there are such rules already.
UPDATE access_rules AS rule SET subject_hmac = CAST(:new AS bytea)
WHERE rule.subject = 'chat' AND rule.subject_hmac = CAST(:old AS bytea)
  AND NOT EXISTS (
      SELECT FROM access_rules AS there
      WHERE there.subject = 'chat' AND there.subject_hmac = CAST(:new AS bytea)
        AND there.kind = rule.kind
  )
