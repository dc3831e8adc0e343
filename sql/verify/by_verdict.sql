-- How many are there of each kind and verdict?
SELECT kind, verdict, count(*) AS found
FROM (
    SELECT
        kind,
        CASE WHEN kind = 'gap' THEN split_part(verdict, ';', 1) ELSE verdict END AS verdict
    FROM findings
)
GROUP BY kind, verdict
ORDER BY kind = 'log', kind = 'gap', verdict <> 'valid', verdict
