-- What is the answer counted from?
--
-- Objects are those of the whole lake: a refused one has no records that could be narrowed down.
SELECT
    (SELECT count(*) FROM events) AS records,
    (SELECT count(*) FROM events WHERE tls_class(tls_version) IN ('legacy', 'modern'))
        AS records_with_tls_version,
    (SELECT count(*) FROM events WHERE tls_class(tls_version) = 'unknown')
        AS records_with_unknown_tls_version,
    (SELECT count(*) FROM events WHERE is_legacy(tls_version)) AS legacy_calls,
    (SELECT min(event_time) FROM events WHERE is_legacy(tls_version)) AS legacy_first_seen,
    (SELECT max(event_time) FROM events WHERE is_legacy(tls_version)) AS legacy_last_seen,
    (SELECT min(event_time) FROM events) AS first_record,
    (SELECT max(event_time) FROM events) AS last_record,
    (SELECT count(*) FROM objects) AS objects_listed,
    (SELECT count(*) FROM objects WHERE status IN ('ingested', 'empty')) AS objects_read,
    (SELECT count(*) FROM objects WHERE status = 'skipped') AS objects_skipped,
    (SELECT count(*) FROM objects WHERE status = 'refused') AS objects_refused,
    (SELECT count(*) FROM objects WHERE status = 'archived') AS objects_archived,
    (SELECT count(*) FROM objects WHERE status = 'missing') AS objects_missing
