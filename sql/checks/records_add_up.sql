-- The records of ingested objects are the rows of events and the duplicates that were dropped.
SELECT of_objects, of_events, dropped
FROM (
    SELECT
        (SELECT coalesce(sum(records), 0) FROM objects WHERE status = 'ingested') AS of_objects,
        (SELECT count(*) FROM event_rows) AS of_events,
        (SELECT coalesce(sum(duplicates), 0) FROM objects) AS dropped
)
WHERE of_objects <> of_events + dropped
