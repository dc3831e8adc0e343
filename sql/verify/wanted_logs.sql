-- Which log files are listed by the digests and asked about?
--
-- Digests are read that begin before or end after the time asked about; their other log files
-- are somebody else's question. A minute of delivery is rounded down.
SELECT *
FROM listed_logs
WHERE (starts_with(key, getvariable('place')) OR elsewhere)
    AND (
        getvariable('since') IS NULL
        OR delivered_at IS NULL
        OR delivered_at + INTERVAL 1 MINUTE > getvariable('since')
    )
    AND (
        getvariable('until') IS NULL OR delivered_at IS NULL OR delivered_at < getvariable('until')
    )
