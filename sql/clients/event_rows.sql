-- Which records does the lake hold, for a client that knows nothing of commits?
--
-- lake_path(below) is where the lake is. A part that the newest manifest does not name is not
-- read: it is being written just now, or was left behind by a run that was killed.
CREATE OR REPLACE VIEW event_rows AS
SELECT * EXCLUDE (filename)
FROM read_parquet(
    lake_path('events/*/part-*.parquet'),
    hive_partitioning = true,
    hive_types = {'month': 'VARCHAR'},
    filename = true
)
WHERE regexp_extract(replace(filename, '\', '/'), 'events/month=[^/]+/[^/]+$') IN (
    SELECT unnest(arg_max(events, number)).path
    FROM read_json(
        lake_path('commits/*.json'),
        columns = {'number': 'BIGINT', 'events': 'STRUCT(path VARCHAR)[]'}
    )
);
