-- Every row lies in the partition of its own event's month.
SELECT event_id, event_time, month
FROM event_rows
WHERE month IS DISTINCT FROM strftime(event_time, '%Y-%m')
