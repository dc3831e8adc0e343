-- What can a query name: the views, their columns and the functions that belong to the lake?
SELECT view_name AS name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'
UNION
SELECT column_name FROM duckdb_columns() WHERE NOT internal AND schema_name = 'main'
UNION
SELECT function_name FROM duckdb_functions() WHERE NOT internal AND schema_name = 'main'
ORDER BY name
