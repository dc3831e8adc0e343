-- Which operations were called with TLS 1.0 or 1.1, with which cipher suite and client?
--
-- The grouping and order of the CloudWatch Logs Insights query that AWS documents:
-- https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-examples.html
SELECT
    user_identity_account_id,
    recipient_account_id,
    event_source,
    event_name,
    aws_region,
    tls_version,
    tls_cipher_suite,
    user_agent,
    count(*) AS calls
FROM events
WHERE is_legacy(tls_version)
GROUP BY ALL
ORDER BY
    event_source,
    event_name,
    aws_region,
    tls_version,
    user_identity_account_id,
    recipient_account_id,
    tls_cipher_suite,
    user_agent
