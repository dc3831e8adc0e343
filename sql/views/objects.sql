-- What became of every source object? object_files are the parts of the newest commit's ledger.
CREATE OR REPLACE TEMP VIEW objects AS
SELECT * FROM read_parquet(getvariable('object_files'), hive_partitioning = false);
