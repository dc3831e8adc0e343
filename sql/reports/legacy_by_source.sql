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
    total(records, true) AS calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM legacy_counts
GROUP BY source_ip_address, vpc_endpoint_id, vpc_endpoint_account_id
ORDER BY calls DESC, source_ip_address, vpc_endpoint_id, vpc_endpoint_account_id
