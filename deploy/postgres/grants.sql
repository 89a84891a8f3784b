-- Permissions of each role. All are revoked first, so that this file is complete.
BEGIN;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM dialytics_bot, dialytics_api, dialytics_pipelines;
GRANT USAGE ON SCHEMA public TO dialytics_bot, dialytics_api, dialytics_pipelines;
GRANT SELECT ON alembic_version TO dialytics_bot, dialytics_api, dialytics_pipelines;

-- The bot owns people, texts, ledger and inbox. Deleting a person leaves a tombstone.
GRANT SELECT, INSERT, UPDATE, DELETE
    ON users, user_settings, dialogs, messages, pictures, summaries, sent_answers, turns, llm_calls,
       feedback, user_events, updates, spent_budgets, refused_chats, ban_notices
    TO dialytics_bot;
-- The bot obeys the operators' rules; those of a group move with it.
GRANT SELECT, UPDATE (subject_hmac) ON access_rules TO dialytics_bot;
GRANT INSERT ON tombstones TO dialytics_bot;
-- Set once, by bot.users.key_rotation. Only the owner can remove it.
GRANT SELECT, INSERT ON sealing_marker TO dialytics_bot;
-- Totals of the bill, kept by a trigger on llm_calls.
GRANT SELECT, INSERT, UPDATE ON bill_totals TO dialytics_bot;
-- Each bot states name, version and limits at its start, for the dashboard; a trigger adds a changed
-- version to the audit trail.
GRANT SELECT, INSERT, UPDATE ON bots TO dialytics_bot;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO dialytics_bot;
-- The bot uses invitations, which the API makes; a function records each use in the audit trail.
GRANT SELECT, UPDATE (uses) ON invitations TO dialytics_bot;
GRANT EXECUTE ON FUNCTION record_invitation_use TO dialytics_bot;

-- Each service records which of its settings changed; a function adds it to the audit trail.
GRANT SELECT, INSERT, UPDATE ON known_settings
    TO dialytics_bot, dialytics_api, dialytics_pipelines;
GRANT EXECUTE ON FUNCTION record_changed_settings
    TO dialytics_bot, dialytics_api, dialytics_pipelines;

-- The API owns its accounts, and reads the bot's tables only as dialytics_reader.
GRANT SELECT, INSERT, UPDATE ON api_users, api_keys TO dialytics_api;
GRANT SELECT, INSERT, UPDATE (uses, revoked_at) ON invitations TO dialytics_api;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON api_sessions, password_resets, access_rules, saved_views TO dialytics_api;
-- The audit trail is append-only, and its times are the database's.
GRANT SELECT, INSERT (kind, actor_id, actor, address, occurrences, request_id, details)
    ON audit_events TO dialytics_api;
-- Alerts: made by the API, judged by the pipelines, whose messages the bot sends.
GRANT SELECT, INSERT, UPDATE, DELETE ON alerts TO dialytics_api;
GRANT SELECT, UPDATE (acknowledged_at, acknowledged_by) ON alert_events TO dialytics_api;
GRANT SELECT (key, channel, claimed_at, sent_at, problem) ON outbox TO dialytics_api;
-- For an API of the version before: a view of the trail.
GRANT SELECT, INSERT ON text_readings TO dialytics_api;
GRANT dialytics_reader TO dialytics_api;

-- The pipelines read the ledger, never a text; they may erase texts that are too old, and what
-- erased people had spent in periods that are over.
GRANT SELECT ON users, turns, feedback, user_events, tombstones TO dialytics_pipelines;
GRANT DELETE ON tombstones TO dialytics_pipelines;
GRANT SELECT (id, user_key, created_at, deleted_at), DELETE ON messages TO dialytics_pipelines;
GRANT SELECT (ctid, period, period_start), DELETE ON spent_budgets TO dialytics_pipelines;
-- A trigger keeps what is younger than 30 days.
GRANT SELECT (id, occurred_at), DELETE ON audit_events TO dialytics_pipelines;
-- The proof of an erasure counts rows by the person's number.
GRANT SELECT (user_key) ON user_settings, dialogs TO dialytics_pipelines;
GRANT SELECT (user_key, turn_id, lane) ON updates TO dialytics_pipelines;
GRANT EXECUTE ON FUNCTION erase_parked_payloads, erase_provider_messages TO dialytics_pipelines;
GRANT SELECT, INSERT, UPDATE ON replication_echo TO dialytics_pipelines;
-- The operator's digest: written here, sent by the bot.
GRANT SELECT, INSERT ON outbox TO dialytics_pipelines;
GRANT SELECT, UPDATE (judged_through) ON alerts TO dialytics_pipelines;
GRANT SELECT, INSERT ON alert_events TO dialytics_pipelines;
-- Without it the transactions of other roles are invisible, and an open one that holds the
-- horizon back would not be reported: freshness would be overstated.
GRANT pg_read_all_stats TO dialytics_pipelines;

COMMIT;
