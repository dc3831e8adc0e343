-- How many records are alike in all that the audit counts them by?
CREATE OR REPLACE TEMP TABLE held_record_counts AS
SELECT
    class,
    tls_version,
    event_source,
    account_id,
    aws_region,
    recipient_account_id,
    user_identity_account_id,
    event_category,
    management_event,
    read_only,
    is_after_2023,
    total(records, true) AS records,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM record_counts
GROUP BY ALL;

CREATE OR REPLACE TEMP VIEW record_counts AS FROM held_record_counts;
