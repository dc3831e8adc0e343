-- What does DuckDB's own parser make of a query, and where does each part of it stand?
SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)
