-- Which log files do the digests list? digest_log_files are the parts of the newest commit.
CREATE OR REPLACE TEMP VIEW digest_log_rows AS
SELECT * FROM read_parquet(getvariable('digest_log_files'), hive_partitioning = false);
