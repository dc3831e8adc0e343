-- How many calls with TLS 1.0 or 1.1 are alike in all that the audit says of them?
CREATE OR REPLACE TEMP TABLE held_legacy_counts AS
SELECT
    day,
    month,
    account_id,
    aws_region,
    event_source,
    tls_version,
    tls_client_provided_host_header,
    principal,
    user_identity_session_issuer_type,
    user_identity_type,
    user_identity_arn,
    user_identity_access_key_id,
    recipient_account_id,
    user_agent,
    source_ip_address,
    vpc_endpoint_id,
    vpc_endpoint_account_id,
    total(records, true) AS records,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM legacy_counts
GROUP BY ALL;

CREATE OR REPLACE TEMP VIEW legacy_counts AS FROM held_legacy_counts;
