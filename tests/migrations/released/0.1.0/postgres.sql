--
-- PostgreSQL database dump
--

\restrict inF0Z9oNNboiJvVRXwMHDoCSeGNMoPef9afADZnh9XqtcgPJy61WrrccTwNqcnu

-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: announce_api_user(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.announce_api_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('api_users', OLD.id::text);
    RETURN NULL;
END
$$;


--
-- Name: claim_lanes(bigint, bigint[], bytea[], bytea[], bigint[], integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.claim_lanes(bot bigint, released bigint[], held bytea[], wanted bytea[], wanted_locks bigint[], most integer) RETURNS TABLE(lane bytea, update_id bigint, received_at timestamp with time zone, kind text, payload bytea, attempts smallint, turn_id uuid, user_key integer, wrapped_key bytea, language text, telegram_hmac bytea)
    LANGUAGE plpgsql
    AS $$
DECLARE
    mine bytea[];
BEGIN
    PERFORM pg_advisory_unlock(given.lock) FROM unnest(released) AS given(lock);
    SELECT coalesce(array_agg(given.lane), '{}') || held INTO mine
    FROM unnest(wanted, wanted_locks) AS given(lane, lock)
    WHERE pg_try_advisory_lock(given.lock);
    RETURN QUERY
    SELECT given.lane, open.update_id, open.received_at, open.kind, open.payload,
           open.attempts, open.turn_id, open.user_key, person.wrapped_key, person.language, person.telegram_hmac
    FROM unnest(mine) AS given(lane)
    LEFT JOIN LATERAL (
        SELECT * FROM updates
        WHERE updates.bot_id = bot AND updates.lane = given.lane AND updates.outcome IS NULL
        ORDER BY updates.update_id
        LIMIT most
    ) AS open ON true
    LEFT JOIN users AS person ON person.key = open.user_key
    ORDER BY given.lane, open.update_id;
END $$;


--
-- Name: erase_parked_payloads(integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.erase_parked_payloads(days integer, most integer) RETURNS SETOF bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH served AS (
        SELECT bot_id, update_id FROM updates
        WHERE outcome = 'parked' AND payload IS NOT NULL
            AND settled_at < now() - make_interval(days => days)
        LIMIT most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE updates SET payload = NULL FROM served
    WHERE updates.bot_id = served.bot_id AND updates.update_id = served.update_id
    RETURNING updates.update_id
$$;


--
-- Name: erase_provider_messages(integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.erase_provider_messages(days integer, most integer) RETURNS SETOF uuid
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH served AS (
        SELECT id FROM llm_calls
        WHERE provider_message IS NOT NULL AND started_at < now() - make_interval(days => days)
        LIMIT most
        FOR UPDATE SKIP LOCKED
    )
    UPDATE llm_calls SET provider_message = NULL FROM served
    WHERE llm_calls.id = served.id
    RETURNING llm_calls.id
$$;


--
-- Name: guard_ledger(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.guard_ledger() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'turns: id, bot_id, user_key, dialog_id and received_at never change,'
        ' and a finished turn is never pending again'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;


--
-- Name: record_tombstone(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.record_tombstone() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO tombstones (table_name, row_id)
    VALUES (TG_TABLE_NAME, to_jsonb(OLD) ->> TG_ARGV[0]);
    RETURN NULL;
END $$;


--
-- Name: refresh_version(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refresh_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version = pg_current_xact_id();
    RETURN NEW;
END $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: api_users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_users (
    id bigint NOT NULL,
    username text NOT NULL,
    password_hash text NOT NULL,
    scopes text[] DEFAULT '{stats:read}'::text[] NOT NULL,
    credentials_version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    disabled_at timestamp with time zone
);


--
-- Name: api_users_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.api_users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: dialogs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.dialogs (
    id uuid NOT NULL,
    bot_id bigint NOT NULL,
    chat_hmac bytea NOT NULL,
    thread_id bigint DEFAULT 0 NOT NULL,
    chat_type text NOT NULL,
    user_key integer,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone
);


--
-- Name: llm_calls; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.llm_calls (
    id uuid NOT NULL,
    turn_id uuid NOT NULL,
    attempt smallint NOT NULL,
    model text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    outcome text,
    first_token_at timestamp with time zone,
    finish_reason text,
    model_used text,
    prompt_tokens integer,
    completion_tokens integer,
    cached_tokens integer,
    reasoning_tokens integer,
    cost_usd numeric(18,10),
    is_unpriced boolean DEFAULT false NOT NULL,
    http_status smallint,
    provider_code text,
    generation_id text,
    provider_message bytea
);


--
-- Name: messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.messages (
    id uuid NOT NULL,
    user_key integer NOT NULL,
    dialog_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    role text NOT NULL,
    content bytea NOT NULL,
    content_length integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    sealed_parts bytea,
    CONSTRAINT ck_messages_role CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text])))
);


--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    claimed_at timestamp with time zone,
    sent_at timestamp with time zone
);


--
-- Name: outbox_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: refused_chats; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.refused_chats (
    bot_id bigint NOT NULL,
    chat_hmac bytea NOT NULL,
    refusals smallint DEFAULT 1 NOT NULL,
    refused_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: replication_echo; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.replication_echo (
    id smallint DEFAULT 1 NOT NULL,
    batch_id uuid NOT NULL,
    previous_batch_id uuid,
    epoch bigint NOT NULL,
    echoed_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: sealing_marker; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sealing_marker (
    id smallint DEFAULT 1 NOT NULL,
    bound_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_sealing_marker_one CHECK ((id = 1))
);


--
-- Name: spent_budgets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.spent_budgets (
    telegram_hmac bytea NOT NULL,
    period_start date NOT NULL,
    period text NOT NULL,
    messages integer NOT NULL,
    cost_usd numeric(18,10) NOT NULL
);


--
-- Name: text_readings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.text_readings (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    dialog_id uuid NOT NULL,
    user_keys integer[] NOT NULL,
    messages integer NOT NULL,
    request_id text NOT NULL,
    read_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: text_readings_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.text_readings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.text_readings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: tombstones; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tombstones (
    id bigint NOT NULL,
    table_name text NOT NULL,
    row_id text NOT NULL,
    deleted_at timestamp with time zone DEFAULT now() NOT NULL,
    version xid8 DEFAULT pg_current_xact_id() NOT NULL
);


--
-- Name: tombstones_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.tombstones ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tombstones_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: turns; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.turns (
    id uuid NOT NULL,
    bot_id bigint NOT NULL,
    user_key integer NOT NULL,
    dialog_id uuid NOT NULL,
    chat_type text NOT NULL,
    language text,
    source text,
    user_messages smallint DEFAULT 1 NOT NULL,
    received_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    first_token_at timestamp with time zone,
    answered_at timestamp with time zone,
    status text DEFAULT 'pending'::text NOT NULL,
    reason text,
    model_asked text,
    model_used text,
    fallback_cause text,
    prompt_tokens integer,
    completion_tokens integer,
    cached_tokens integer,
    reasoning_tokens integer,
    cost_usd numeric(18,10),
    finish_reason text,
    user_chars integer DEFAULT 0 NOT NULL,
    answer_chars integer DEFAULT 0 NOT NULL,
    answer_parts smallint DEFAULT 0 NOT NULL,
    flood_wait_ms integer DEFAULT 0 NOT NULL,
    version xid8 DEFAULT pg_current_xact_id() NOT NULL,
    pacing_wait_ms integer DEFAULT 0 NOT NULL,
    unpriced_calls smallint DEFAULT 0 NOT NULL,
    is_person boolean DEFAULT true NOT NULL,
    CONSTRAINT ck_turns_status CHECK ((status = ANY (ARRAY['pending'::text, 'answered'::text, 'failed'::text, 'cancelled'::text, 'rejected'::text])))
);


--
-- Name: updates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.updates (
    bot_id bigint NOT NULL,
    update_id bigint NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    lane bytea NOT NULL,
    user_key integer,
    payload bytea,
    attempts smallint DEFAULT 0 NOT NULL,
    outcome text,
    turn_id uuid,
    error text,
    settled_at timestamp with time zone,
    refused_kind text,
    CONSTRAINT ck_updates_outcome CHECK ((outcome = ANY (ARRAY['turn'::text, 'command'::text, 'ignored'::text, 'parked'::text])))
);


--
-- Name: user_settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.user_settings (
    user_key integer NOT NULL,
    max_history_messages smallint,
    sealed_system_prompt bytea,
    model text,
    admitted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    key integer NOT NULL,
    telegram_hmac bytea NOT NULL,
    wrapped_key bytea NOT NULL,
    sealed_profile bytea NOT NULL,
    language text,
    source text,
    blocked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    version xid8 DEFAULT pg_current_xact_id() NOT NULL,
    is_person boolean DEFAULT true NOT NULL
);


--
-- Name: users_key_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.users ALTER COLUMN key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.users_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES
	('0011');


--
-- Data for Name: api_users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.api_users OVERRIDING SYSTEM VALUE VALUES
	(1, 'first', 'none', '{names:read}', 1, '2026-11-30 02:10:34.972725+00', NULL),
	(2, 'analyst_208be20d', '$bcrypt-sha256$v=2,t=2b,r=4$pXMlP45kNGDCfLxc8jwtUO$x3iBtP6QBDGuxPsIXLuSNO3yG2.HCB6', '{stats:read}', 1, '2026-11-30 02:10:47.436765+00', NULL);


--
-- Data for Name: dialogs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.dialogs VALUES
	('00000000-0000-0000-0000-000000000001', 7, '\x01', 0, 'private', 1, '2026-11-30 02:10:34.961082+00', NULL);


--
-- Data for Name: llm_calls; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.llm_calls VALUES
	('c2bfd393-46bc-498a-b48d-e2665d428de4', '00000000-0000-0000-0000-000000000001', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('50f59c78-7a62-4220-89a1-f43b8e5a96ab', '00000000-0000-0000-0000-000000000002', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('c2b90220-2cb6-43a5-88ff-5b8ac60586ea', '00000000-0000-0000-0000-000000000003', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('88d5a5b2-4b84-484d-8705-6aa20094d378', '00000000-0000-0000-0000-000000000004', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('d79fc270-1e6b-4a6d-b474-3422a5116b0c', '00000000-0000-0000-0000-000000000005', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('5bd865e8-5ced-427b-a8fe-82f15f5d795b', '00000000-0000-0000-0000-000000000006', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('075ebe73-b043-4372-952f-59faabb3a72a', '00000000-0000-0000-0000-000000000007', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('05d91242-aa34-4770-a295-ee6cb658c341', '00000000-0000-0000-0000-000000000008', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('9b8a768d-a4e6-428c-abde-f97ef41d253a', '00000000-0000-0000-0000-000000000009', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('b990c827-34a0-4671-bdbb-7bbbf6bef2ce', '00000000-0000-0000-0000-00000000000a', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('e569fcf3-04ae-4681-85a0-2fc4a629b2bc', '00000000-0000-0000-0000-00000000000b', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('5a57eaef-a290-47bc-a4cf-3edca1e78d61', '00000000-0000-0000-0000-00000000000c', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('67f7ff12-fcba-46a8-a4d5-16f9f5975dc6', '00000000-0000-0000-0000-00000000000e', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('4f718713-dfda-4209-ab47-ef2e19b3cf8c', '00000000-0000-0000-0000-00000000000f', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('99b9560c-097e-4c97-bad4-c8ff878081b8', '00000000-0000-0000-0000-000000000010', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('aa79337f-f40c-4cf1-b047-4032b6be565e', '00000000-0000-0000-0000-000000000011', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('00994a3d-fe27-4d07-8aad-7b1232c16ced', '00000000-0000-0000-0000-000000000012', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('8b916e22-ec49-42f4-8827-d8c35a2b4e98', '00000000-0000-0000-0000-000000000013', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('b94de993-804e-47bf-b84c-a7cd112e219f', '00000000-0000-0000-0000-000000000014', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('44d7e30e-3ae4-4148-bb01-799f84d5c74b', '00000000-0000-0000-0000-000000000015', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('e1579e50-7602-400b-904c-5449767e7798', '00000000-0000-0000-0000-000000000016', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('6297d583-0fdb-4576-a43f-91cf0e534ab8', '00000000-0000-0000-0000-000000000017', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('692f6e80-0728-45b7-90b8-e4a244c7507d', '00000000-0000-0000-0000-000000000018', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('4412c154-9f14-404c-8cff-2bcba9e61ece', '00000000-0000-0000-0000-000000000019', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('464f77e8-9e51-4025-a217-6d0486ec07bf', '00000000-0000-0000-0000-00000000001a', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('1d9185ac-1207-4204-ad37-ea6467ed2c50', '00000000-0000-0000-0000-00000000001c', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'cancelled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('7a58ad08-0d2b-4460-a865-d83085b346e1', '00000000-0000-0000-0000-00000000001d', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('dad5e574-5a4c-47ab-b7c9-2bb75f5caf1c', '00000000-0000-0000-0000-000000000020', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('831436f2-3ba9-48d6-be0f-35254ed08b38', '00000000-0000-0000-0000-000000000021', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('14649f1d-6f60-47a3-88ed-663cee6e2f41', '00000000-0000-0000-0000-000000000022', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('2b3c5e25-b640-4a3a-9b08-fefaaba94785', '00000000-0000-0000-0000-000000000023', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('3c4ec268-2d65-4703-b78b-34cb9f3669cd', '00000000-0000-0000-0000-000000000025', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('f32563b7-c176-413f-89e0-0550c1d648ec', '00000000-0000-0000-0000-000000000026', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL),
	('6def7d22-f506-45b7-840b-dc9b0ef7592b', '00000000-0000-0000-0000-000000000028', 1, 'small', '2026-11-30 02:10:34.968604+00', NULL, 'answered', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL);


--
-- Data for Name: messages; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.messages VALUES
	('e33a821f-e30a-4ed1-b811-1158cbf9397e', 1, '00000000-0000-0000-0000-000000000001', '41347d68-d6fc-400b-b873-7473693c0529', 'user', '\x00', 1, '2026-11-30 02:10:34.965741+00', NULL, NULL);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES
	(1, 'digest', '{}', '2026-11-30 02:10:34.975634+00', 0, NULL, NULL);


--
-- Data for Name: refused_chats; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.refused_chats VALUES
	(7, '\x02', 1, '2026-11-30 02:10:34.972018+00');


--
-- Data for Name: replication_echo; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.replication_echo VALUES
	(1, 'b7f02353-8a3b-48cc-8b10-b807e4de7c2c', 'f1a33f51-4ddb-4a23-925a-7a24856e022e', 1, '2026-11-30 02:10:38.928023+00');


--
-- Data for Name: sealing_marker; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sealing_marker VALUES
	(1, '2026-11-30 02:10:28.120941+00');


--
-- Data for Name: spent_budgets; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.spent_budgets VALUES
	('\x01', '2025-03-10', 'day', 1, 0.5000000000);


--
-- Data for Name: text_readings; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.text_readings OVERRIDING SYSTEM VALUE VALUES
	(1, 1, '00000000-0000-0000-0000-000000000001', '{1}', 1, 'r', '2026-11-30 02:10:34.974131+00');


--
-- Data for Name: tombstones; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: turns; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.turns VALUES
	('00000000-0000-0000-0000-000000000001', 7, 3, '00000000-0000-0000-0000-000000000003', 'group', 'en', NULL, 0, '2025-03-09 23:06:03.717235+00', '2025-03-09 23:06:03.717235+00', '2025-03-09 23:06:03.950235+00', '2025-03-09 23:06:59.810235+00', 'answered', NULL, 'small', 'small', NULL, 1773, 1245, 0, 0, NULL, 'stop', 5, 40, 1, 0, '771', 250, 2, true),
	('00000000-0000-0000-0000-000000000002', 7, 1, '00000000-0000-0000-0000-000000000001', 'private', 'ru', NULL, 1, '2025-03-07 07:01:28.807566+00', '2025-03-07 07:01:28.807566+00', NULL, '2025-03-07 07:02:29.134566+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 1500, '772', 0, 0, true),
	('00000000-0000-0000-0000-000000000003', 7, 5, '00000000-0000-0000-0000-000000000005', 'group', 'ru', 'ads', 1, '2025-03-07 10:41:04.936083+00', '2025-03-07 10:41:04.936083+00', NULL, '2025-03-07 10:41:12.752083+00', 'failed', 'interrupted', 'retired', NULL, NULL, NULL, NULL, 0, 0, 0.0446869807, 'stop', 5, 40, 1, 0, '773', 250, 0, true),
	('00000000-0000-0000-0000-000000000004', 7, 1, '00000000-0000-0000-0000-000000000001', 'group', NULL, 'ads', 1, '2025-03-06 12:42:56.996752+00', '2025-03-06 12:42:56.996752+00', '2025-03-06 12:43:01.087752+00', '2025-03-06 12:44:08.224752+00', 'answered', NULL, 'retired', 'large', 'rate_limit', 1612, 1207, 0, 0, NULL, 'stop', 5, 40, 1, 0, '774', 250, 2, true),
	('00000000-0000-0000-0000-000000000005', 7, 6, '00000000-0000-0000-0000-000000000006', 'group', NULL, 'ads', 2, '2025-03-07 07:26:57.092045+00', '2025-03-07 07:26:57.092045+00', NULL, '2025-03-07 07:28:08.732045+00', 'failed', 'timeout', 'retired', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '775', 0, 2, true),
	('00000000-0000-0000-0000-000000000006', 7, 1, '00000000-0000-0000-0000-000000000001', 'group', NULL, NULL, 1, '2025-03-07 13:39:16.136437+00', '2025-03-07 13:39:16.136437+00', NULL, '2025-03-07 13:39:47.287437+00', 'failed', 'timeout', 'small', NULL, NULL, NULL, NULL, 0, 0, 0.0579409819, 'stop', 5, 40, 1, 0, '776', 250, 0, true),
	('00000000-0000-0000-0000-000000000007', 8, 3, '00000000-0000-0000-0000-000000000003', 'group', NULL, 'ads', 1, '2025-03-09 02:59:33.771981+00', '2025-03-09 02:59:33.771981+00', NULL, '2025-03-09 03:00:46.755981+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '777', 0, 0, true),
	('00000000-0000-0000-0000-000000000008', 7, 5, '00000000-0000-0000-0000-000000000005', 'group', 'en', NULL, 0, '2025-03-08 13:48:51.211902+00', '2025-03-08 13:48:51.211902+00', '2025-03-08 13:48:55.636902+00', '2025-03-08 13:50:17.933902+00', 'answered', NULL, 'retired', 'small', 'rate_limit', 3222, 1255, 0, 0, 0.0000000000, 'stop', 5, 40, 1, 0, '778', 250, 0, true),
	('00000000-0000-0000-0000-000000000009', 7, 2, '00000000-0000-0000-0000-000000000002', 'group', 'ru', 'ads', 1, '2025-03-09 18:59:15.788911+00', '2025-03-09 18:59:15.788911+00', NULL, '2025-03-09 19:00:20.163911+00', 'cancelled', 'timeout', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '779', 0, 0, true),
	('00000000-0000-0000-0000-00000000000a', 7, 2, '00000000-0000-0000-0000-000000000002', 'group', 'ru', NULL, 1, '2025-03-09 10:12:37.41692+00', '2025-03-09 10:12:37.41692+00', NULL, '2025-03-09 10:13:18.18792+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '780', 250, 1, true),
	('00000000-0000-0000-0000-00000000000b', 7, 1, '00000000-0000-0000-0000-000000000001', 'group', 'en', NULL, 0, '2025-03-09 05:05:16.189537+00', '2025-03-09 05:05:16.189537+00', NULL, '2025-03-09 05:05:35.444537+00', 'failed', 'timeout', 'retired', NULL, NULL, NULL, NULL, 0, 0, 0.0272148611, 'stop', 5, 40, 1, 1500, '781', 0, 0, true),
	('00000000-0000-0000-0000-00000000000c', 7, 2, '00000000-0000-0000-0000-000000000002', 'group', 'ru', NULL, 1, '2025-03-07 05:33:51.090609+00', '2025-03-07 05:33:51.090609+00', '2025-03-07 05:33:52.898609+00', '2025-03-07 05:35:18.766609+00', 'answered', NULL, 'retired', 'large', 'rate_limit', 3268, 1424, 0, 0, 0.0000000000, 'stop', 5, 40, 1, 1500, '782', 250, 0, true),
	('00000000-0000-0000-0000-00000000000d', 7, 5, '00000000-0000-0000-0000-000000000005', 'group', 'ru', 'ads', 2, '2025-03-10 09:03:09.984354+00', '2025-03-10 09:03:09.984354+00', NULL, '2025-03-10 09:03:42.788354+00', 'rejected', 'timeout', NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '783', 0, 0, true),
	('00000000-0000-0000-0000-00000000000e', 7, 3, '00000000-0000-0000-0000-000000000003', 'private', 'en', 'ads', 2, '2025-03-10 05:12:36.791002+00', '2025-03-10 05:12:36.791002+00', '2025-03-10 05:12:37.102002+00', '2025-03-10 05:13:59.200002+00', 'answered', NULL, 'small', 'small', 'rate_limit', 3357, 446, 0, 0, 0.0967240587, 'stop', 5, 40, 1, 0, '784', 250, 2, true),
	('00000000-0000-0000-0000-00000000000f', 7, 4, '00000000-0000-0000-0000-000000000004', 'group', 'ru', NULL, 0, '2025-03-08 00:11:44.051519+00', '2025-03-08 00:11:44.051519+00', '2025-03-08 00:11:47.247519+00', '2025-03-08 00:12:27.857519+00', 'answered', NULL, 'small', 'large', NULL, 2065, 1024, 0, 0, 0.0000000000, 'stop', 5, 40, 1, 0, '785', 0, 2, true),
	('00000000-0000-0000-0000-000000000010', 7, 5, '00000000-0000-0000-0000-000000000005', 'group', 'en', NULL, 2, '2025-03-09 20:55:52.794225+00', '2025-03-09 20:55:52.794225+00', '2025-03-09 20:55:55.611225+00', '2025-03-09 20:57:07.829225+00', 'answered', NULL, 'small', 'large', 'rate_limit', 1985, 1573, 0, 0, NULL, 'stop', 5, 40, 1, 1500, '786', 0, 0, true),
	('00000000-0000-0000-0000-000000000011', 7, 2, '00000000-0000-0000-0000-000000000002', 'group', 'en', 'ads', 2, '2025-03-10 03:52:14.512368+00', '2025-03-10 03:52:14.512368+00', '2025-03-10 03:52:15.446368+00', '2025-03-10 03:52:57.682368+00', 'answered', NULL, 'retired', 'large', NULL, 964, 1777, 0, 0, 0.0648521300, 'stop', 5, 40, 1, 0, '787', 250, 2, true),
	('00000000-0000-0000-0000-000000000012', 7, 3, '00000000-0000-0000-0000-000000000003', 'group', 'ru', NULL, 1, '2025-03-08 07:05:15.484162+00', '2025-03-08 07:05:15.484162+00', '2025-03-08 07:05:20.297162+00', '2025-03-08 07:06:10.034162+00', 'answered', NULL, 'small', 'large', NULL, 314, 1169, 0, 0, NULL, 'stop', 5, 40, 1, 0, '788', 0, 0, true),
	('00000000-0000-0000-0000-000000000013', 7, 5, '00000000-0000-0000-0000-000000000005', 'group', 'en', NULL, 1, '2025-03-06 22:29:10.535013+00', '2025-03-06 22:29:10.535013+00', NULL, '2025-03-06 22:30:35.970013+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '789', 0, 0, true),
	('00000000-0000-0000-0000-000000000014', 7, 2, '00000000-0000-0000-0000-000000000002', 'group', 'ru', NULL, 0, '2025-03-10 00:57:00.576543+00', '2025-03-10 00:57:00.576543+00', '2025-03-10 00:57:01.419543+00', '2025-03-10 00:58:02.605543+00', 'answered', NULL, 'small', 'small', NULL, 3731, 1976, 0, 0, 0.0406172122, 'stop', 5, 40, 1, 1500, '790', 0, 1, true),
	('00000000-0000-0000-0000-000000000015', 7, 1, '00000000-0000-0000-0000-000000000001', 'group', 'ru', NULL, 1, '2025-03-07 15:41:07.256844+00', '2025-03-07 15:41:07.256844+00', '2025-03-07 15:41:10.462844+00', '2025-03-07 15:41:53.318844+00', 'answered', NULL, 'retired', 'large', NULL, 1633, 129, 0, 0, 0.0000000000, 'stop', 5, 40, 1, 0, '791', 0, 2, true),
	('00000000-0000-0000-0000-000000000016', 8, 5, '00000000-0000-0000-0000-000000000005', 'group', 'en', NULL, 1, '2025-03-09 15:20:29.205876+00', '2025-03-09 15:20:29.205876+00', NULL, '2025-03-09 15:21:06.498876+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '792', 0, 1, true),
	('00000000-0000-0000-0000-000000000017', 7, 1, '00000000-0000-0000-0000-000000000001', 'private', 'en', NULL, 1, '2025-03-10 03:24:58.2408+00', '2025-03-10 03:24:58.2408+00', NULL, '2025-03-10 03:25:44.7558+00', 'failed', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, 0.0851189293, 'stop', 5, 40, 1, 0, '793', 0, 1, true),
	('00000000-0000-0000-0000-000000000018', 7, 5, '00000000-0000-0000-0000-000000000005', 'private', 'ru', NULL, 1, '2025-03-10 02:18:32.50165+00', '2025-03-10 02:18:32.50165+00', NULL, '2025-03-10 02:19:12.63665+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 1500, '794', 0, 0, true),
	('00000000-0000-0000-0000-000000000019', 7, 3, '00000000-0000-0000-0000-000000000003', 'group', 'en', NULL, 1, '2025-03-10 09:56:04.73473+00', '2025-03-10 09:56:04.73473+00', '2025-03-10 09:56:06.15473+00', '2025-03-10 09:56:33.27073+00', 'answered', NULL, 'retired', 'small', 'rate_limit', 3180, 307, 0, 0, 0.0000000000, 'stop', 5, 40, 1, 0, '795', 250, 1, true),
	('00000000-0000-0000-0000-00000000001a', 7, 3, '00000000-0000-0000-0000-000000000003', 'private', 'ru', 'ads', 1, '2025-03-08 10:37:17.788435+00', '2025-03-08 10:37:17.788435+00', NULL, '2025-03-08 10:37:46.139435+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '796', 250, 1, true),
	('00000000-0000-0000-0000-00000000001b', 7, 6, '00000000-0000-0000-0000-000000000006', 'group', 'ru', 'ads', 0, '2025-03-09 20:50:30.816239+00', '2025-03-09 20:50:30.816239+00', NULL, '2025-03-09 20:51:47.809239+00', 'rejected', 'interrupted', NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '797', 250, 0, true),
	('00000000-0000-0000-0000-00000000001c', 7, 4, '00000000-0000-0000-0000-000000000004', 'group', 'en', NULL, 2, '2025-03-08 17:49:03.771554+00', '2025-03-08 17:49:03.771554+00', NULL, '2025-03-08 17:50:33.501554+00', 'cancelled', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 1500, '798', 0, 2, true),
	('00000000-0000-0000-0000-00000000001d', 7, 5, '00000000-0000-0000-0000-000000000005', 'private', 'ru', NULL, 2, '2025-03-10 06:01:01.644394+00', '2025-03-10 06:01:01.644394+00', '2025-03-10 06:01:02.376394+00', '2025-03-10 06:01:37.253394+00', 'answered', NULL, 'retired', 'large', NULL, 1991, 16, 0, 0, 0.0190673048, 'stop', 5, 40, 1, 1500, '799', 250, 1, true),
	('00000000-0000-0000-0000-00000000001e', 7, 6, '00000000-0000-0000-0000-000000000006', 'private', 'en', NULL, 0, '2025-03-06 19:38:17.478692+00', '2025-03-06 19:38:17.478692+00', NULL, '2025-03-06 19:39:16.511692+00', 'rejected', 'timeout', NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '800', 250, 0, true),
	('00000000-0000-0000-0000-00000000001f', 7, 6, '00000000-0000-0000-0000-000000000006', 'private', 'ru', NULL, 2, '2025-03-08 01:18:59.303924+00', '2025-03-08 01:18:59.303924+00', NULL, '2025-03-08 01:20:11.363924+00', 'rejected', 'timeout', NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '801', 0, 0, true),
	('00000000-0000-0000-0000-000000000020', 7, 5, '00000000-0000-0000-0000-000000000005', 'private', NULL, 'ads', 0, '2025-03-09 07:19:23.073568+00', '2025-03-09 07:19:23.073568+00', '2025-03-09 07:19:27.284568+00', '2025-03-09 07:20:42.945568+00', 'answered', NULL, 'small', 'small', 'rate_limit', 1546, 362, 0, 0, 0.0000000000, 'stop', 5, 40, 1, 0, '802', 250, 2, true),
	('00000000-0000-0000-0000-000000000021', 8, 4, '00000000-0000-0000-0000-000000000004', 'group', 'en', 'ads', 1, '2025-03-07 14:55:07.044176+00', '2025-03-07 14:55:07.044176+00', '2025-03-07 14:55:07.872176+00', '2025-03-07 14:55:47.109176+00', 'answered', NULL, 'small', 'small', NULL, 3019, 1870, 0, 0, NULL, 'stop', 5, 40, 1, 0, '803', 0, 0, true),
	('00000000-0000-0000-0000-000000000022', 8, 4, '00000000-0000-0000-0000-000000000004', 'private', 'en', NULL, 1, '2025-03-06 14:45:50.678255+00', '2025-03-06 14:45:50.678255+00', NULL, '2025-03-06 14:46:11.300255+00', 'failed', 'interrupted', 'small', NULL, NULL, NULL, NULL, 0, 0, 0.0463062439, 'stop', 5, 40, 1, 0, '804', 250, 2, true),
	('00000000-0000-0000-0000-000000000023', 7, 4, '00000000-0000-0000-0000-000000000004', 'private', NULL, NULL, 1, '2025-03-09 07:38:03.662081+00', '2025-03-09 07:38:03.662081+00', '2025-03-09 07:38:05.355081+00', '2025-03-09 07:38:31.318081+00', 'answered', NULL, 'small', 'small', NULL, 1167, 304, 0, 0, NULL, 'stop', 5, 40, 1, 0, '805', 250, 1, true),
	('00000000-0000-0000-0000-000000000024', 7, 4, '00000000-0000-0000-0000-000000000004', 'group', 'en', NULL, 1, '2025-03-07 11:17:15.76462+00', '2025-03-07 11:17:15.76462+00', NULL, '2025-03-07 11:18:35.54662+00', 'rejected', 'timeout', NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '806', 0, 0, true),
	('00000000-0000-0000-0000-000000000025', 7, 1, '00000000-0000-0000-0000-000000000001', 'private', NULL, NULL, 1, '2025-03-09 08:43:53.202754+00', '2025-03-09 08:43:53.202754+00', '2025-03-09 08:43:55.752754+00', '2025-03-09 08:44:55.502754+00', 'answered', NULL, 'small', 'large', 'rate_limit', 2061, 1388, 0, 0, 0.0383131227, 'stop', 5, 40, 1, 0, '807', 0, 1, true),
	('00000000-0000-0000-0000-000000000026', 7, 3, '00000000-0000-0000-0000-000000000003', 'group', 'en', 'ads', 0, '2025-03-08 17:32:16.166822+00', '2025-03-08 17:32:16.166822+00', NULL, '2025-03-08 17:33:11.286822+00', 'failed', 'timeout', 'retired', NULL, NULL, NULL, NULL, 0, 0, 0.0218951044, 'stop', 5, 40, 1, 0, '808', 250, 0, true),
	('00000000-0000-0000-0000-000000000027', 7, 6, '00000000-0000-0000-0000-000000000006', 'group', NULL, 'ads', 0, '2025-03-08 02:34:34.452925+00', '2025-03-08 02:34:34.452925+00', NULL, '2025-03-08 02:35:01.775925+00', 'rejected', 'interrupted', NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 'stop', 5, 40, 1, 0, '809', 250, 0, true),
	('00000000-0000-0000-0000-000000000028', 7, 3, '00000000-0000-0000-0000-000000000003', 'group', NULL, NULL, 0, '2025-03-07 19:47:28.750941+00', '2025-03-07 19:47:28.750941+00', '2025-03-07 19:47:30.779941+00', '2025-03-07 19:48:57.682941+00', 'answered', NULL, 'retired', 'small', NULL, 3961, 1329, 0, 0, 0.0312336468, 'stop', 5, 40, 1, 0, '810', 250, 0, true);


--
-- Data for Name: updates; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.updates VALUES
	(7, 1, '2026-11-30 02:10:34.967915+00', 'message', '\x01', NULL, NULL, 0, 'turn', NULL, NULL, '2026-11-30 02:10:34.967915+00', NULL);


--
-- Data for Name: user_settings; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.user_settings VALUES
	(1, 10, NULL, NULL, NULL, '2026-11-30 02:10:34.967267+00', '2026-11-30 02:10:34.967267+00');


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users OVERRIDING SYSTEM VALUE VALUES
	(1, '\xfc3b08fd652a4a51a91708413a6cf4c2', '\x', '\x', 'ru', NULL, NULL, '2026-11-30 02:10:34.912328+00', '2026-11-30 02:10:34.912328+00', '765', true),
	(2, '\x671b3ba894c1473681475b04119aaca5', '\x', '\x', 'ru', NULL, NULL, '2026-11-30 02:10:34.920273+00', '2026-11-30 02:10:34.920273+00', '766', true),
	(3, '\xba3ec1de88034308b0b53387173283e8', '\x', '\x', 'ru', NULL, NULL, '2026-11-30 02:10:34.920976+00', '2026-11-30 02:10:34.920976+00', '767', true),
	(4, '\x7b1f680cd46d489cb87e606e192de86a', '\x', '\x', 'ru', NULL, NULL, '2026-11-30 02:10:34.92135+00', '2026-11-30 02:10:34.92135+00', '768', true),
	(5, '\xd11610bdda08416da3cc3914628d62ef', '\x', '\x', 'ru', NULL, NULL, '2026-11-30 02:10:34.921677+00', '2026-11-30 02:10:34.921677+00', '769', true),
	(6, '\x41137db010244110a4b117b2e22b9ea8', '\x', '\x', 'ru', NULL, NULL, '2026-11-30 02:10:34.924198+00', '2026-11-30 02:10:34.924198+00', '770', true);


--
-- Name: api_users_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.api_users_id_seq', 2, true);


--
-- Name: outbox_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.outbox_id_seq', 1, true);


--
-- Name: text_readings_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.text_readings_id_seq', 1, true);


--
-- Name: tombstones_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.tombstones_id_seq', 1, false);


--
-- Name: users_key_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.users_key_seq', 6, true);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: api_users pk_api_users; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_users
    ADD CONSTRAINT pk_api_users PRIMARY KEY (id);


--
-- Name: dialogs pk_dialogs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dialogs
    ADD CONSTRAINT pk_dialogs PRIMARY KEY (id);


--
-- Name: llm_calls pk_llm_calls; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.llm_calls
    ADD CONSTRAINT pk_llm_calls PRIMARY KEY (id);


--
-- Name: messages pk_messages; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT pk_messages PRIMARY KEY (id);


--
-- Name: outbox pk_outbox; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);


--
-- Name: refused_chats pk_refused_chats; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.refused_chats
    ADD CONSTRAINT pk_refused_chats PRIMARY KEY (bot_id, chat_hmac);


--
-- Name: replication_echo pk_replication_echo; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.replication_echo
    ADD CONSTRAINT pk_replication_echo PRIMARY KEY (id);


--
-- Name: sealing_marker pk_sealing_marker; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sealing_marker
    ADD CONSTRAINT pk_sealing_marker PRIMARY KEY (id);


--
-- Name: spent_budgets pk_spent_budgets; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.spent_budgets
    ADD CONSTRAINT pk_spent_budgets PRIMARY KEY (telegram_hmac, period_start, period);


--
-- Name: text_readings pk_text_readings; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.text_readings
    ADD CONSTRAINT pk_text_readings PRIMARY KEY (id);


--
-- Name: tombstones pk_tombstones; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tombstones
    ADD CONSTRAINT pk_tombstones PRIMARY KEY (id);


--
-- Name: turns pk_turns; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.turns
    ADD CONSTRAINT pk_turns PRIMARY KEY (id);


--
-- Name: updates pk_updates; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.updates
    ADD CONSTRAINT pk_updates PRIMARY KEY (bot_id, update_id);


--
-- Name: user_settings pk_user_settings; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_settings
    ADD CONSTRAINT pk_user_settings PRIMARY KEY (user_key);


--
-- Name: users pk_users; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (key);


--
-- Name: api_users uq_api_users_username; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_users
    ADD CONSTRAINT uq_api_users_username UNIQUE (username);


--
-- Name: llm_calls uq_llm_calls_turn_id_attempt; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.llm_calls
    ADD CONSTRAINT uq_llm_calls_turn_id_attempt UNIQUE (turn_id, attempt);


--
-- Name: outbox uq_outbox_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT uq_outbox_key UNIQUE (key);


--
-- Name: users uq_users_telegram_hmac; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_telegram_hmac UNIQUE (telegram_hmac);


--
-- Name: ix_dialogs_user_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_dialogs_user_key ON public.dialogs USING btree (user_key);


--
-- Name: ix_llm_calls_provider_message; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_llm_calls_provider_message ON public.llm_calls USING btree (started_at) WHERE (provider_message IS NOT NULL);


--
-- Name: ix_messages_dialog_id_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_messages_dialog_id_created_at ON public.messages USING btree (dialog_id, created_at);


--
-- Name: ix_messages_turn_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_messages_turn_id ON public.messages USING btree (turn_id);


--
-- Name: ix_messages_user_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_messages_user_key ON public.messages USING btree (user_key);


--
-- Name: ix_outbox_unsent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_outbox_unsent ON public.outbox USING btree (id) WHERE (sent_at IS NULL);


--
-- Name: ix_text_readings_account_id_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_text_readings_account_id_id ON public.text_readings USING btree (account_id, id);


--
-- Name: ix_tombstones_version_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_tombstones_version_id ON public.tombstones USING btree (version, id);


--
-- Name: ix_turns_pending; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_turns_pending ON public.turns USING btree (bot_id) WHERE (status = 'pending'::text);


--
-- Name: ix_turns_received_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_turns_received_at ON public.turns USING btree (received_at);


--
-- Name: ix_turns_user_key_received_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_turns_user_key_received_at ON public.turns USING btree (user_key, received_at);


--
-- Name: ix_turns_version_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_turns_version_id ON public.turns USING btree (version, id);


--
-- Name: ix_updates_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_updates_open ON public.updates USING btree (bot_id, lane, update_id) WHERE (outcome IS NULL);


--
-- Name: ix_updates_parked; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_updates_parked ON public.updates USING btree (settled_at) WHERE (outcome = 'parked'::text);


--
-- Name: ix_updates_user_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_updates_user_key ON public.updates USING btree (user_key) WHERE (user_key IS NOT NULL);


--
-- Name: ix_users_version_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_users_version_key ON public.users USING btree (version, key);


--
-- Name: uq_dialogs_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_dialogs_open ON public.dialogs USING btree (bot_id, chat_hmac, thread_id) WHERE (closed_at IS NULL);


--
-- Name: api_users announce_api_user; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER announce_api_user AFTER DELETE OR UPDATE ON public.api_users FOR EACH ROW EXECUTE FUNCTION public.announce_api_user();


--
-- Name: turns guard_ledger; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER guard_ledger BEFORE UPDATE ON public.turns FOR EACH ROW WHEN (((((((old.id IS DISTINCT FROM new.id) OR (old.bot_id IS DISTINCT FROM new.bot_id)) OR (old.user_key IS DISTINCT FROM new.user_key)) OR (old.dialog_id IS DISTINCT FROM new.dialog_id)) OR (old.received_at IS DISTINCT FROM new.received_at)) OR ((old.status <> 'pending'::text) AND (new.status = 'pending'::text)))) EXECUTE FUNCTION public.guard_ledger();


--
-- Name: turns record_tombstone; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER record_tombstone AFTER DELETE ON public.turns FOR EACH ROW EXECUTE FUNCTION public.record_tombstone('id');


--
-- Name: users record_tombstone; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER record_tombstone AFTER DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.record_tombstone('key');


--
-- Name: turns refresh_version; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER refresh_version BEFORE UPDATE ON public.turns FOR EACH ROW EXECUTE FUNCTION public.refresh_version();


--
-- Name: users refresh_version; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER refresh_version BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.refresh_version();


--
-- Name: dialogs fk_dialogs_user_key; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.dialogs
    ADD CONSTRAINT fk_dialogs_user_key FOREIGN KEY (user_key) REFERENCES public.users(key) ON DELETE CASCADE;


--
-- Name: messages fk_messages_dialog_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT fk_messages_dialog_id FOREIGN KEY (dialog_id) REFERENCES public.dialogs(id) ON DELETE CASCADE;


--
-- Name: messages fk_messages_user_key; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT fk_messages_user_key FOREIGN KEY (user_key) REFERENCES public.users(key) ON DELETE CASCADE;


--
-- Name: text_readings fk_text_readings_account_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.text_readings
    ADD CONSTRAINT fk_text_readings_account_id FOREIGN KEY (account_id) REFERENCES public.api_users(id);


--
-- Name: user_settings fk_user_settings_user_key; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_settings
    ADD CONSTRAINT fk_user_settings_user_key FOREIGN KEY (user_key) REFERENCES public.users(key) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--

\unrestrict inF0Z9oNNboiJvVRXwMHDoCSeGNMoPef9afADZnh9XqtcgPJy61WrrccTwNqcnu

