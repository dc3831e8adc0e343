-- Every record has one class that exists, and the classes add up to all records.
SELECT of_classes, of_events, nameless
FROM (
    SELECT sum(records) AS of_classes, sum(records) FILTER (WHERE NOT known) AS nameless
    FROM (
        SELECT count(*) AS records, coalesce(list_contains(classes(), class), false) AS known
        FROM classified_events
        GROUP BY class
    )
), (SELECT count(*) AS of_events FROM events)
WHERE coalesce(of_classes, 0) <> of_events OR nameless > 0
