-- For which times has a trail no digest, though it has older ones?
--
-- Where a chain begins anew, where it passes over a digest that is there, and where a digest
-- begins later than the one before it ended. That a digest is missing or unreadable is said of
-- that digest, and not here.
WITH chains AS (
    SELECT
        d.*,
        b.key AS before,
        lag(d.key) OVER chain AS last_key,
        max(d.digest_end) OVER chain AS last_end
    FROM digest_files AS d
    LEFT JOIN digest_files AS b ON b.key = d.previous_key AND b.problem IS NULL AND NOT b.moved
    WHERE d.problem IS NULL AND NOT d.moved
    WINDOW chain AS (
        PARTITION BY d.account_id, d.region, d.trail, d.home_region, d.backfill
        ORDER BY d.digest_end, d.key
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
)

SELECT
    account_id,
    region,
    digest_start,
    key AS digest_key,
    CASE
        WHEN previous_key IS NULL THEN 'gap: the chain begins anew; its last digest ended at '
        WHEN before <> last_key THEN 'gap: the chain passes over a digest; that one ended at '
        ELSE 'gap: no digest; the last one ended at '
    END || strftime(last_end, '%Y-%m-%dT%H:%M:%SZ') AS verdict
FROM chains
WHERE last_end IS NOT NULL
    AND (
        previous_key IS NULL
        OR before <> last_key
        OR (before = last_key AND digest_start > last_end + INTERVAL 1 MINUTE)
    )
