-- How many records are alike in their month, TLS version and cipher suite?
CREATE OR REPLACE TEMP TABLE held_version_counts AS
SELECT
    month,
    tls_version,
    tls_cipher_suite,
    total(records, true) AS records,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM version_counts
GROUP BY ALL;

CREATE OR REPLACE TEMP VIEW version_counts AS FROM held_version_counts;
