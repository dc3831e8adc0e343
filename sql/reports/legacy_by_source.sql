-- From which addresses and VPC endpoints was TLS 1.0 or 1.1 used?
--
-- Kinds: private, public, AWS service, AWS Internal, absent, and other for what is no address.
SELECT
    source_ip_address,
    ip_kind(source_ip_address) AS kind,
    vpc_endpoint_id,
    vpc_endpoint_account_id,
    count(DISTINCT account_id) AS accounts,
    count(DISTINCT principal) AS principals,
    count(DISTINCT user_agent) AS user_agents,
    count(*) AS calls,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM attributed_events
WHERE is_legacy(tls_version)
GROUP BY source_ip_address, vpc_endpoint_id, vpc_endpoint_account_id
ORDER BY calls DESC, source_ip_address, vpc_endpoint_id, vpc_endpoint_account_id
