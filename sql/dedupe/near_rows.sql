-- Which rows of the lake may a new part hold copies of? near_parts share an hour with it.
CREATE OR REPLACE TEMP VIEW near_rows AS
SELECT * FROM read_parquet(getvariable('near_parts'), hive_partitioning = false);
