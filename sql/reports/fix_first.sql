-- Who and what is to be fixed first?
--
-- A row is a client with its fix; the one with the most active callers comes first. A caller is
-- a principal in an account, and active when it called with TLS 1.0 or 1.1 in the last seven
-- days before the last record there is. The ten callers that were seen last are named.
WITH by_agent AS (
    SELECT
        account_id,
        principal,
        user_agent,
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
),

by_caller AS (
    SELECT
        parsed.name AS client,
        parsed.runtime AS runtime,
        agents.fix.why AS why,
        agents.fix.fix AS fix,
        agents.fix.source AS source,
        account_id,
        principal,
        sum(calls) AS calls,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        is_active(max(last_seen), (SELECT max(last_seen) FROM version_counts)) AS active
    FROM by_agent
    JOIN agents ON agents.user_agent IS NOT DISTINCT FROM by_agent.user_agent
    GROUP BY ALL
)

SELECT
    client,
    runtime,
    count(*) FILTER (active) AS active_callers,
    count(*) AS callers,
    count(DISTINCT account_id) AS accounts,
    sum(calls)::BIGINT AS calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen,
    arg_max(principal, (last_seen, principal, account_id), 10) AS last_principals,
    why,
    fix,
    source
FROM by_caller
GROUP BY client, runtime, why, fix, source
ORDER BY active_callers DESC, max(last_seen) DESC, sum(calls) DESC, client, runtime, why
