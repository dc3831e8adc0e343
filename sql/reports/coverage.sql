-- How many records say with which TLS version a call was made, and why do the others not?
--
-- Coverage is the share of the classes that could tell which do: legacy and modern.
SELECT
    class,
    coalesce(records, 0) AS records,
    round(coalesce(100.0 * records / sum(records) OVER (), 0), 2) AS percent,
    could_tell_tls(class) AS could_tell
FROM unnest(classes()) AS every (class)
LEFT JOIN (SELECT class, total(records, true) AS records FROM record_counts GROUP BY class) USING (class)
ORDER BY list_position(classes(), every.class)
