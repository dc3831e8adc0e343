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
        tls_version,
        vpc_endpoint_id IS NOT NULL AS is_through_vpc_endpoint,
        count(*) AS calls,
        min(event_time) AS first_seen,
        max(event_time) AS last_seen
    FROM attributed_events
    -- IS TRUE makes it an expression, which DuckDB looks at before it makes the other columns.
    WHERE is_modern(tls_version) IS TRUE
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
    total(calls, is_through_vpc_endpoint) AS vpc_endpoint_calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM by_agent
JOIN agents ON agents.user_agent IS NOT DISTINCT FROM by_agent.user_agent
GROUP BY account_id, principal, kind, client, client_version, runtime, runtime_version
HAVING NOT bool_or(tls_version = 'TLSv1.3')
ORDER BY
    sum(calls) DESC, account_id, principal, kind, client, client_version, runtime, runtime_version
