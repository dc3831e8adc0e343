-- Which services and clients exchange keys that withstand a quantum computer, in what share?
--
-- Counted from the calls whose record names the key exchange, which only newer records do. A
-- hybrid with ML-KEM (X25519MLKEM768) withstands; small and capital letters are the same.
WITH by_agent AS (
    SELECT
        event_source,
        user_agent,
        lower(tls_key_exchange) AS key_exchange,
        count(*) AS calls,
        min(event_time) AS first_seen,
        max(event_time) AS last_seen
    FROM events
    WHERE tls_key_exchange IS NOT NULL
    GROUP BY ALL
),

agents AS (
    SELECT user_agent, parsed.name AS client, parsed.version AS client_version
    FROM (
        SELECT user_agent, client(user_agent) AS parsed
        FROM (SELECT DISTINCT user_agent FROM by_agent)
    )
)

SELECT
    event_source,
    client,
    client_version,
    list(DISTINCT key_exchange ORDER BY key_exchange) AS key_exchanges,
    sum(calls)::BIGINT AS calls,
    coalesce(sum(calls) FILTER (is_post_quantum(key_exchange)), 0)::BIGINT AS post_quantum_calls,
    round(100.0 * post_quantum_calls / sum(calls), 2) AS post_quantum_percent,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM by_agent
JOIN agents ON agents.user_agent IS NOT DISTINCT FROM by_agent.user_agent
GROUP BY event_source, client, client_version
ORDER BY post_quantum_percent, sum(calls) DESC, event_source, client, client_version
