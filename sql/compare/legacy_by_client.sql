-- Which clients called with TLS 1.0 or 1.1, and how often?
WITH by_agent AS (
    SELECT user_agent, count(*) AS calls
    FROM events
    WHERE is_legacy(tls_version)
    GROUP BY user_agent
)

SELECT
    parsed.name AS client,
    parsed.version AS client_version,
    parsed.runtime AS runtime,
    parsed.runtime_version AS runtime_version,
    sum(calls)::BIGINT AS calls
FROM (SELECT client(user_agent) AS parsed, calls FROM by_agent)
GROUP BY ALL
ORDER BY ALL
