-- Which listed log files are asked about, by account, Region and time of delivery?
CREATE OR REPLACE TEMP VIEW digest_logs AS
SELECT *
FROM digest_log_rows
WHERE (getvariable('accounts') IS NULL OR list_contains(getvariable('accounts'), account_id))
    AND (getvariable('regions') IS NULL OR list_contains(getvariable('regions'), region))
    AND (getvariable('since') IS NULL OR delivered_at >= getvariable('since'))
    AND (getvariable('until') IS NULL OR delivered_at < getvariable('until'));
