-- Who called with TLS 1.0 or 1.1 after 2023, when AWS no longer accepted it?
--
-- There should be none: AWS's removal of both from its endpoints was to "complete by
-- December 31, 2023". https://aws.amazon.com/blogs/security/tls-1-2-required-for-aws-endpoints/
SELECT
    account_id,
    aws_region,
    event_source,
    tls_client_provided_host_header AS host,
    tls_version,
    principal,
    user_agent,
    total(records, true) AS calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM legacy_counts
WHERE last_seen >= '2024-01-01'
GROUP BY ALL
ORDER BY
    last_seen DESC,
    calls DESC,
    account_id,
    aws_region,
    event_source,
    host,
    tls_version,
    principal,
    user_agent
