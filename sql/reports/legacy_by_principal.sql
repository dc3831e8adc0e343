-- Which roles and users called with TLS 1.0 or 1.1, with which keys, and do they still?
--
-- A principal is the role or user that issued the session, else the caller itself. Of its access
-- keys, the ten that were used last are named. It is active when it called with TLS 1.0 or 1.1
-- in the last seven days before the last record there is.
WITH by_day AS (
    SELECT
        account_id,
        principal,
        coalesce(user_identity_session_issuer_type, user_identity_type) AS principal_type,
        nullif(user_identity_access_key_id, '') AS access_key_id,
        day,
        total(records, true) AS calls,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM legacy_counts
    GROUP BY ALL
),

by_key AS (
    SELECT
        account_id,
        principal,
        principal_type,
        access_key_id,
        list(day) AS days,
        sum(calls) AS calls,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM by_day
    GROUP BY ALL
)

SELECT
    account_id,
    principal,
    principal_type,
    is_active(max(last_seen), (SELECT max(last_seen) FROM version_counts)) AS active,
    sum(calls)::BIGINT AS calls,
    len(list_distinct(flatten(list(days)))) AS days,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    count(access_key_id) AS access_keys,
    arg_max(access_key_id, (last_seen, access_key_id), 10) AS last_access_keys
FROM by_key
GROUP BY account_id, principal, principal_type
ORDER BY active DESC, sum(calls) DESC, account_id, principal, principal_type
