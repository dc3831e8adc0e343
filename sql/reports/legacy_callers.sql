-- Who called with TLS 1.0 or 1.1, from where, with which client, and in which month?
--
-- The grouping of the AWS blog's query on CloudTrail Lake.
SELECT
    recipient_account_id,
    month,
    event_source,
    source_ip_address,
    user_agent,
    user_identity_arn,
    user_identity_access_key_id,
    total(records, true) AS calls
FROM legacy_counts
GROUP BY ALL
ORDER BY
    calls DESC,
    recipient_account_id,
    month,
    event_source,
    source_ip_address,
    user_agent,
    user_identity_arn,
    user_identity_access_key_id
