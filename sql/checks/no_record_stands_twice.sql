-- No two rows have the same event id and the same content.
SELECT event_id, count(*) AS times
FROM (
    SELECT event_id, row(*COLUMNS(* EXCLUDE (source_key, month))) AS content
    FROM event_rows
    WHERE event_id IN (
        SELECT event_id FROM event_rows WHERE event_id IS NOT NULL GROUP BY event_id
        HAVING count(*) > 1
    )
)
GROUP BY event_id, content
HAVING count(*) > 1
