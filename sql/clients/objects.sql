-- What became of every source object, for a client that knows nothing of commits?
CREATE OR REPLACE VIEW objects AS
SELECT * EXCLUDE (filename)
FROM read_parquet(
    lake_path('objects/part-*.parquet'),
    hive_partitioning = false,
    filename = true
)
WHERE regexp_extract(replace(filename, '\', '/'), 'objects/[^/]+$') IN (
    SELECT unnest(arg_max(objects, number)).path
    FROM read_json(
        lake_path('commits/*.json'),
        columns = {'number': 'BIGINT', 'objects': 'STRUCT(path VARCHAR)[]'}
    )
);
