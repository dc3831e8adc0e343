-- Which records does the lake hold? event_files are the parts of its newest commit.
CREATE OR REPLACE TEMP VIEW event_rows AS
SELECT *
FROM read_parquet(
    getvariable('event_files'),
    hive_partitioning = true,
    hive_types = {'month': 'VARCHAR'}
);
