-- Who called with TLS 1.0 or 1.1, from where, with which client, and in which month?
--
-- The grouping of the AWS blog's query on CloudTrail Lake.
SELECT
    recipient_account_id,
    strftime(event_time, '%Y-%m') AS month,
    event_source,
    source_ip_address,
    user_agent,
    user_identity_arn,
    user_identity_access_key_id,
    count(*) AS calls
FROM events
WHERE is_legacy(tls_version)
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
