-- Which cipher suites were used with each TLS version, and what is held against them?
--
-- `weakness` is empty for a suite that RFC 9325 recommends, and for what is no cipher suite.
SELECT
    tls_version,
    tls_cipher_suite AS cipher_suite,
    cipher_weakness(cipher_suite) AS weakness,
    forward_secrecy(cipher_suite) AS forward_secrecy,
    calls,
    round(100.0 * calls / sum(calls) OVER (), 2) AS percent,
    first_seen,
    last_seen
FROM (
    SELECT
        tls_version,
        tls_cipher_suite,
        total(records, true) AS calls,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM version_counts
    WHERE tls_cipher_suite IS NOT NULL
    GROUP BY ALL
)
ORDER BY tls_version NULLS LAST, calls DESC, cipher_suite
