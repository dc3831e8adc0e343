-- Which clients used TLS 1.0 or 1.1, why, and how are they fixed?
--
-- A client is what its user agent says of itself; docs/clients.md tells how that is read.
WITH by_agent AS (
    SELECT
        user_agent,
        principal,
        total(records, true) AS calls,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM legacy_counts
    GROUP BY ALL
),

agents AS (
    SELECT user_agent, parsed, client_fix(parsed) AS fix
    FROM (
        SELECT user_agent, client(user_agent) AS parsed
        FROM (SELECT DISTINCT user_agent FROM by_agent)
    )
)

SELECT
    parsed.kind AS kind,
    parsed.name AS client,
    parsed.version AS client_version,
    parsed.tool AS tool,
    parsed.runtime AS runtime,
    parsed.runtime_version AS runtime_version,
    parsed.os AS os,
    count(DISTINCT principal) AS principals,
    sum(calls)::BIGINT AS calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    agents.fix.why AS why,
    agents.fix.fix AS fix,
    agents.fix.source AS source
FROM by_agent
JOIN agents ON agents.user_agent IS NOT DISTINCT FROM by_agent.user_agent
GROUP BY ALL
ORDER BY
    sum(calls) DESC, client, client_version, tool, runtime, runtime_version, os, kind, why
