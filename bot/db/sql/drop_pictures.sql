-- One row per picture that was kept long enough and is deleted now.
DELETE FROM pictures WHERE created_at <= now() - make_interval(hours => CAST(:hours AS integer))
RETURNING id
