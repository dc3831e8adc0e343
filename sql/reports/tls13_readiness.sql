-- Who uses TLS 1.2 and never TLS 1.3?
--
-- A row is a principal with one of its clients; the kind `aws` is the console. Calls through a
-- VPC endpoint are counted apart: PrivateLink for S3 offers no TLS 1.3, whatever the client does.
-- https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingEncryptionInTransit.html
WITH by_agent AS (
    SELECT
        account_id,
        principal,
        user_agent,
        count(*) FILTER (tls_version = 'TLSv1.2') AS calls,
        count(*) FILTER (tls_version = 'TLSv1.2' AND vpc_endpoint_id IS NOT NULL)
            AS vpc_endpoint_calls,
        count(*) FILTER (tls_version = 'TLSv1.3') AS calls_with_tls_1_3,
        min(event_time) AS first_seen,
        max(event_time) AS last_seen
    FROM attributed_events
    WHERE tls_version IN ('TLSv1.2', 'TLSv1.3')
    GROUP BY ALL
),

agents AS (
    SELECT
        user_agent,
        parsed.kind AS kind,
        parsed.name AS client,
        parsed.version AS client_version,
        parsed.runtime AS runtime,
        parsed.runtime_version AS runtime_version
    FROM (
        SELECT user_agent, client(user_agent) AS parsed
        FROM (SELECT DISTINCT user_agent FROM by_agent)
    )
)

SELECT
    account_id,
    principal,
    kind,
    client,
    client_version,
    runtime,
    runtime_version,
    sum(calls)::BIGINT AS calls,
    sum(vpc_endpoint_calls)::BIGINT AS vpc_endpoint_calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM by_agent
JOIN agents ON agents.user_agent IS NOT DISTINCT FROM by_agent.user_agent
GROUP BY account_id, principal, kind, client, client_version, runtime, runtime_version
HAVING sum(calls_with_tls_1_3) = 0
ORDER BY
    sum(calls) DESC, account_id, principal, kind, client, client_version, runtime, runtime_version
