-- Which accounts are named in records, and have no logs of their own in this archive?
--
-- A caller may well be somebody else's account. A recipient is an account whose trail has the
-- record: its logs should be here.
WITH pairs AS (
    SELECT
        recipient_account_id,
        user_identity_account_id,
        total(records, true) AS records,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM record_counts
    GROUP BY recipient_account_id, user_identity_account_id
),
named AS (
    SELECT recipient_account_id AS account_id, records, 0 AS calls, first_seen, last_seen
    FROM pairs
    UNION ALL
    SELECT user_identity_account_id, 0, records, first_seen, last_seen
    FROM pairs
)
SELECT
    account_id,
    total(records, true) AS records_received,
    total(calls, true) AS calls_made,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM named
WHERE account_id SIMILAR TO '[0-9]{12}'
    AND account_id NOT IN (
        SELECT account_id FROM objects WHERE status <> 'skipped' AND account_id IS NOT NULL
    )
GROUP BY account_id
ORDER BY records_received DESC, calls_made DESC, account_id
